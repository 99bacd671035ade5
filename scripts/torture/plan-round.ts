import type { Pipeline, PipelineNode } from '../../src/core/pipeline.ts';
import { createRandom, type Random } from './random.ts';
import { behaviours } from './tasks.ts';

/** What is done in a round: the same for the same seed and number. When the system runs whom stays its own. */
export interface RoundPlan {
  /** Heavy tasks at once. */
  maxTasks: number;
  submissions: Submission[];
  /** Servers one after the other on the same home. The last one lives until all is done. */
  lives: Life[];
}

export interface Submission {
  /** Idempotency key and name of the pipeline. */
  key: string;
  pipeline: Pipeline;
  /** The life in which it is first sent. */
  life: number;
  /** Whether it is retried when it ends without success. */
  retry: boolean;
  cancel?: { life: number; afterMs: number };
}

export interface Life {
  /** It dies by the first of them that comes. */
  deaths: Death[];
}

/** kill -9, so many milliseconds after the moment has come so often. */
export interface Death {
  on: Moment;
  count: number;
  afterMs: number;
}

/** What is to be seen of a server from outside: of its start, its answers, its tasks' ledger, its frames. */
export type Moment =
  | 'loaded'
  | 'ready'
  | 'sent'
  | 'answered'
  | 'began'
  | 'ended'
  | 'task_started'
  | 'task_succeeded'
  | 'attempt_failed'
  | 'pipeline_cancel_requested'
  | 'pipeline_finished';

/** The moments at which servers die: after how many of them, and how late, at most. */
const causes: readonly Death[] = [
  { on: 'loaded', count: 1, afterMs: 150 },
  { on: 'ready', count: 1, afterMs: 100 },
  { on: 'sent', count: 2, afterMs: 10 },
  { on: 'answered', count: 2, afterMs: 5 },
  { on: 'began', count: 6, afterMs: 5 },
  { on: 'ended', count: 6, afterMs: 5 },
  { on: 'ended', count: 6, afterMs: 150 },
  { on: 'task_started', count: 6, afterMs: 3 },
  { on: 'task_started', count: 6, afterMs: 60 },
  { on: 'task_succeeded', count: 6, afterMs: 3 },
  { on: 'attempt_failed', count: 1, afterMs: 20 },
  { on: 'pipeline_cancel_requested', count: 1, afterMs: 300 },
  { on: 'pipeline_finished', count: 1, afterMs: 3 },
];

/** A server dies at the latest so long after it is ready, while there is something to do. */
const longestLifeMs = 1500;

export function planRound(seed: number, round: number): RoundPlan {
  const random = createRandom(`${seed}/${round}`);
  const kills = random.between(1, 4);
  // Each server that is to die is given something to do.
  const lives = Array.from({ length: kills }, (_, life) => life);
  if (random.chance(0.5)) lives.push(random.between(0, kills));
  return {
    maxTasks: random.between(2, 4),
    submissions: lives.map((life, index) => planSubmission(random, `p${index}`, life, kills)),
    lives: [...Array.from({ length: kills }, () => ({ deaths: planDeaths(random) })), { deaths: [] }],
  };
}

function planDeaths(random: Random): Death[] {
  const { on, count, afterMs } = random.pick(causes);
  return [
    { on, count: random.between(1, count), afterMs: random.between(0, afterMs) },
    { on: 'ready', count: 1, afterMs: random.between(100, longestLifeMs) },
  ];
}

function planSubmission(random: Random, key: string, life: number, kills: number): Submission {
  const submission = { key, pipeline: planPipeline(random, key), life, retry: random.chance(0.5) };
  if (!random.chance(0.2)) return submission;
  return { ...submission, cancel: { life: random.between(life, kills), afterMs: random.between(0, 800) } };
}

/** For each node the nodes that it waits for, by their place. */
type Graph = readonly (readonly number[])[];

const shapes: readonly ((random: Random, nodes: number) => Graph)[] = [
  (_, nodes) => Array.from({ length: nodes }, (_, place) => (place === 0 ? [] : [place - 1])),
  (_, nodes) => Array.from({ length: nodes }, (_, place) => (place === 0 ? [] : [0])),
  diamond,
  randomDag,
  randomDag,
];

function diamond(_: Random, nodes: number): Graph {
  const middle = Array.from({ length: nodes - 2 }, (_, place) => place + 1);
  return [[], ...middle.map(() => [0]), middle];
}

function randomDag(random: Random, nodes: number): Graph {
  return Array.from({ length: nodes }, (_, place) => {
    const parents = random.between(0, Math.min(place, 3));
    return [...new Set(Array.from({ length: parents }, () => random.between(0, place - 1)))];
  });
}

function planPipeline(random: Random, key: string): Pipeline {
  const graph = random.pick(shapes)(random, random.between(3, 15));
  const nodes: PipelineNode[] = graph.map((_, place) => planNode(random, key, `n${place}`));
  const edges: { from: string; to: string }[] = [];
  for (const [place, parents] of graph.entries()) connect(random, nodes, place, parents, edges);
  return { name: key, nodes, edges };
}

const shared = 'shared by several nodes';

function planNode(random: Random, key: string, node_id: string): PipelineNode {
  // Equal ones may be reused.
  const name = random.chance(0.1) ? shared : `${key} ${node_id}`;
  if (random.chance(0.4)) {
    const behaviour = random.chance(0.04) ? 'fails' : 'works';
    return { node_id, task_name: 'light', inputs: { name, behaviour, ms: random.between(0, 60) } };
  }
  const odd = random.chance(0.25);
  // Some last longer than it takes a server to come back.
  const stepMs = random.chance(0.25) ? random.between(60, 150) : random.between(1, 40);
  const inputs = {
    name,
    behaviour: odd ? random.pick(behaviours) : 'works',
    steps: name === shared ? 2 : random.between(1, 20),
    step_ms: name === shared ? 2 : stepMs,
    ignores_sigterm: random.chance(0.2),
    has_child: random.chance(0.2),
  };
  return { node_id, task_name: 'heavy', inputs };
}

/** One parent gives its value, one its model where both have to do with models; the others are waited for. */
function connect(
  random: Random,
  nodes: PipelineNode[],
  place: number,
  parents: readonly number[],
  edges: { from: string; to: string }[],
): void {
  const node = nodes[place];
  if (node === undefined) return;
  const mappings: Record<string, string> = {};
  for (const parent of parents) {
    const { node_id, task_name } = nodes[parent] ?? node;
    const given = Object.values(mappings);
    const bothHeavy = task_name === 'heavy' && node.task_name === 'heavy';
    if (bothHeavy && !given.includes('model_id')) mappings[`${node_id}.model_id`] = 'model_id';
    else if (!given.includes('value') && random.chance(0.7)) mappings[`${node_id}.value`] = 'value';
    else edges.push({ from: node_id, to: node.node_id });
  }
  node.input_mappings = mappings;
}
