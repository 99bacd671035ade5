/**
 * Scores a reply against what a conversation should lead to. Strict: nodes are matched one to one within a task
 * name; an input counts as given where the node itself, or else `global_inputs`, holds it and no mapping fills
 * it; edges are the union of edges and mappings. `load_config` is left out unless the case names it.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Pipeline } from '../../src/core/pipeline.ts';
import type { Reply } from '../../src/core/reply.ts';

/** A node as it should be. A value `{any: […]}` leaves a choice. */
interface WantedNode {
  alias: string;
  task: string;
  inputs: Record<string, unknown>;
}
type Link = readonly [from: string, to: string];

/** What a conversation's last reply should be. */
export interface Expectation {
  /** `plan`, `question`, `action` or `talk`, or several of them with `_or_` between. */
  reply: string;
  nodes?: WantedNode[];
  edges?: Link[];
  /** Another plan that is as good. */
  or_nodes?: WantedNode[];
  or_edges?: Link[];
  absent_tasks?: string[];
  forbidden_inputs?: string[];
  missing?: string[];
  action?: string;
  args?: Record<string, unknown>;
}

export interface Conversation {
  id: string;
  /** Kind of case; by default what the id begins with, up to the first `-`. */
  kind?: string;
  turns: string[];
  expect: Expectation;
}

/** Shares from 0 to 1; what does not apply to a case is absent and enters no mean. */
export interface Score {
  exact: number;
  node?: number;
  edge?: number;
  /** Share of the wanted values that are there. */
  value?: number;
  /** A question was due and asks for exactly what is missing. */
  asked?: number;
  /** A plan where a question was due: the worst fault. */
  invented?: number;
}

const nothingRight: Score = { node: 0, edge: 0, value: 0, exact: 0 };

export function readConversations(file: string | URL): Conversation[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as Conversation);
}

export function score(expect: Expectation, reply: Reply): Score {
  const wanted = expect.reply.split('_or_');
  const isPlan = reply.kind === 'plan' || reply.kind === 'submitted';
  if (isPlan && wanted.includes('plan')) return scorePlans(expect, reply.pipeline);
  if (reply.kind === 'question' && wanted.includes('question')) {
    const asked = [...new Set(reply.question.fields.map(({ input }) => input))].sort();
    const isRight = Number(isDeepStrictEqual(asked, expect.missing ?? []));
    return { exact: isRight, asked: isRight, invented: 0 };
  }
  if (reply.kind === 'action' && wanted.includes('action')) {
    const { name, args } = reply.action;
    const rightArgs = Object.entries(expect.args ?? {}).every(([key, value]) => isSame(value, args[key]));
    return { exact: Number(name === expect.action && rightArgs) };
  }
  if ((reply.kind === 'answer' || reply.kind === 'refused') && wanted.includes('talk')) return { exact: 1 };
  if (expect.reply === 'plan') return nothingRight;
  return { exact: 0, invented: Number(isPlan && wanted.includes('question') && !wanted.includes('plan')) };
}

function scorePlans(expect: Expectation, pipeline: Pipeline): Score {
  const { nodes, edges, or_nodes, or_edges } = expect;
  if (nodes === undefined || edges === undefined) return nothingRight;
  const first = scorePlan(nodes, edges, expect, pipeline);
  if (or_nodes === undefined || or_edges === undefined || first.exact === 1) return first;
  const second = scorePlan(or_nodes, or_edges, expect, pipeline);
  return second.exact === 1 ? second : first;
}

interface GotNode {
  id: string;
  task: string;
  given: Record<string, unknown>;
}

function scorePlan(wanted: WantedNode[], edges: readonly Link[], expect: Expectation, pipeline: Pipeline): Score {
  const got = readGraph(
    pipeline,
    wanted.some(({ task }) => task === 'load_config'),
  );
  const { laid, hits } = fitEdges(wanted, edges, got);
  const given = (alias: string) => got.nodes.find(({ id }) => id === laid.get(alias))?.given ?? {};
  const values = wanted.flatMap(({ alias, inputs }) =>
    Object.entries(inputs).map(([input, value]) => isSame(value, given(alias)[input])),
  );
  const node = f1(laid.size, wanted.length, got.nodes.length);
  const edge = f1(hits, edges.length, got.edges.size);
  const value = values.length === 0 ? 1 : values.filter(Boolean).length / values.length;
  const { absent_tasks = [], forbidden_inputs = [] } = expect;
  const isBad = got.nodes.some(
    ({ task, given }) => absent_tasks.includes(task) || forbidden_inputs.some((input) => input in given),
  );
  return { node, edge, value, exact: Number(node === 1 && edge === 1 && value === 1 && !isBad) };
}

interface Graph {
  nodes: GotNode[];
  edges: ReadonlySet<string>;
}

const link = (from: string | undefined, to: string | undefined) => JSON.stringify([from, to]);

function readGraph({ global_inputs = {}, nodes, edges = [] }: Pipeline, keepsConfig: boolean): Graph {
  const kept = nodes.filter(({ task_name }) => keepsConfig || task_name !== 'load_config');
  const ids = new Set(kept.map(({ node_id }) => node_id));
  const links = [
    ...nodes.flatMap(({ node_id, input_mappings = {} }) =>
      Object.keys(input_mappings).map((source) => ({ from: source.split('.')[0] ?? '', to: node_id })),
    ),
    ...edges,
  ];
  return {
    nodes: kept.map(({ node_id, task_name, inputs = {}, input_mappings = {} }) => {
      const mapped = Object.values(input_mappings);
      const globals = Object.entries(global_inputs).filter(([name]) => !mapped.includes(name));
      return { id: node_id, task: task_name, given: { ...Object.fromEntries(globals), ...inputs } };
    }),
    edges: new Set(links.filter(({ from, to }) => ids.has(from) && ids.has(to)).map(({ from, to }) => link(from, to))),
  };
}

/** Aliases of wanted nodes, and the ids of the nodes that they are laid over. */
type Laid = ReadonlyMap<string, string>;

/** Among the ways to lay the nodes that fit equally many inputs, the one that fits most edges. */
function fitEdges(wanted: WantedNode[], edges: readonly Link[], got: Graph): { laid: Laid; hits: number } {
  const countHits = (laid: Laid) => edges.filter(([a, b]) => got.edges.has(link(laid.get(a), laid.get(b)))).length;
  const base = new Map(
    [...new Set(wanted.map(({ task }) => task))].flatMap((task) => [
      ...layTask(
        wanted.filter((node) => node.task === task),
        got.nodes.filter((node) => node.task === task),
      ),
    ]),
  );
  const alike = Map.groupBy(wanted, ({ task, inputs }) => JSON.stringify([task, Object.entries(inputs).sort()]));
  const swaps = [...alike.values()]
    .filter(({ length }) => length > 1 && length <= 4)
    .map((group) => group.map(({ alias }) => alias));
  let best = { laid: base as Laid, hits: countHits(base) };
  for (const swapped of product(swaps.map((group) => [...permutations(group, group.length)]))) {
    const places = new Map(swapped.flatMap((order, i) => order.map((alias, j) => [swaps[i]?.[j] ?? '', alias])));
    const laid = new Map(
      wanted.flatMap(({ alias }) => {
        const id = base.get(places.get(alias) ?? alias);
        return id === undefined ? [] : [[alias, id]];
      }),
    );
    const hits = countHits(laid);
    if (hits > best.hits) best = { laid, hits };
  }
  return best;
}

/** The one-to-one assignment within one task that fits most inputs; past six nodes a side in the order given. */
function layTask(wanted: readonly WantedNode[], got: readonly GotNode[]): Laid {
  const count = Math.min(wanted.length, got.length);
  const pair = (some: readonly WantedNode[], pick: readonly GotNode[]) =>
    new Map(some.slice(0, count).map(({ alias }, i) => [alias, pick[i]?.id ?? '']));
  if (wanted.length > 6 || got.length > 6) return pair(wanted, got);
  let best = { laid: new Map() as Laid, hits: -1 };
  for (const pick of permutations(got, count)) {
    for (const some of combinations(wanted, count)) {
      const hits = some
        .flatMap(({ inputs }, i) => Object.entries(inputs).map(([key, value]) => isSame(value, pick[i]?.given[key])))
        .filter(Boolean).length;
      if (hits > best.hits) best = { laid: pair(some, pick), hits };
    }
  }
  return best.laid;
}

function f1(hits: number, wanted: number, got: number): number {
  return wanted + got === 0 ? 1 : (2 * hits) / (wanted + got);
}

/** Numbers by value, however written; lists without regard to order; text without case and closing slashes. */
function isSame(want: unknown, got: unknown): boolean {
  if (typeof want === 'object' && want !== null && 'any' in want) {
    return (want.any as unknown[]).some((one) => isSame(one, got));
  }
  if (typeof want === 'boolean' || typeof got === 'boolean') return want === got;
  if (typeof want === 'number') return Math.abs(readNumber(got) - want) <= 1e-9 * Math.max(1, Math.abs(want));
  if (Array.isArray(want)) {
    return Array.isArray(got) && isDeepStrictEqual(want.map(String).sort(), got.map(String).sort());
  }
  const plain = (text: string) => text.replace(/\/+$/, '').toLowerCase();
  return typeof got === 'string' && plain(got.trim()) === plain(String(want));
}

function readNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\s*[+-]?[\d.][\d.e+-]*\s*$/i.test(value) ? Number(value) : Number.NaN;
}

function* permutations<T>(items: readonly T[], count: number): Generator<T[]> {
  if (count === 0) yield [];
  else {
    for (const [index, item] of items.entries()) {
      for (const rest of permutations(items.toSpliced(index, 1), count - 1)) yield [item, ...rest];
    }
  }
}

function* combinations<T>(items: readonly T[], count: number): Generator<T[]> {
  if (count === 0) yield [];
  else {
    for (const [index, item] of items.entries()) {
      for (const rest of combinations(items.slice(index + 1), count - 1)) yield [item, ...rest];
    }
  }
}

function* product<T>([first, ...others]: readonly (readonly T[])[]): Generator<T[]> {
  if (first === undefined) yield [];
  else {
    for (const item of first) {
      for (const rest of product(others)) yield [item, ...rest];
    }
  }
}

/** The scores of several cases in one line. */
export interface Sums {
  cases: number;
  exact: number;
  node_f1: number;
  edge_f1: number;
  value_recall: number;
  /** Of the questions that were due and came, the share that asks for what is missing. */
  questions_right: number;
  /** Plans where a question was due. */
  invented: number;
}

/** Means over the cases to which a figure applies; 0 where it applies to none. */
export function sumUp(scores: readonly Score[]): Sums {
  const all = (name: keyof Score) => scores.map((one) => one[name]).filter((figure) => figure !== undefined);
  const sum = (name: keyof Score) => all(name).reduce((total, figure) => total + figure, 0);
  const mean = (name: keyof Score) => sum(name) / Math.max(1, all(name).length);
  return {
    cases: scores.length,
    exact: mean('exact'),
    node_f1: mean('node'),
    edge_f1: mean('edge'),
    value_recall: mean('value'),
    questions_right: mean('asked'),
    invented: sum('invented'),
  };
}
