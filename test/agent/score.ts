import type { Pipeline } from '../../src/core/pipeline.ts';
import type { Reply } from '../../src/core/reply.ts';

/** What a conversation's last reply should be; the format of the project's evaluation sets. */
export interface Expectation {
  reply: string;
  nodes?: { alias: string; task: string; inputs: Record<string, unknown> }[];
  edges?: [string, string][];
  absent_tasks?: string[];
  missing?: string[];
  action?: string;
  args?: Record<string, unknown>;
}

export interface Conversation {
  id: string;
  turns: string[];
  expect: Expectation;
}

/** Undefined where the reply is as expected, else what is not. */
export function mismatch(expect: Expectation, reply: Reply): string | undefined {
  const wanted = expect.reply.split('_or_');
  if (reply.kind === 'plan' || reply.kind === 'submitted') {
    return wanted.includes('plan') ? planMismatch(expect, reply.pipeline) : `a plan instead of ${expect.reply}`;
  }
  if (reply.kind === 'question' && wanted.includes('question')) {
    const asked = [...new Set(reply.question.fields.map(({ input }) => input))].sort();
    return same(expect.missing, asked) ? undefined : `asks for ${asked.join(', ')}`;
  }
  if (reply.kind === 'action' && wanted.includes('action')) {
    const { name, args } = reply.action;
    const right =
      name === expect.action && Object.entries(expect.args ?? {}).every(([key, value]) => same(value, args[key]));
    return right ? undefined : `does ${name} ${JSON.stringify(args)}`;
  }
  const talks = reply.kind === 'answer' || reply.kind === 'refused';
  return talks && wanted.includes('talk') ? undefined : `${reply.kind} instead of ${expect.reply}: ${reply.text}`;
}

function planMismatch(expect: Expectation, pipeline: Pipeline): string | undefined {
  const wanted = expect.nodes ?? [];
  const keepsConfig = wanted.some(({ task }) => task === 'load_config');
  const nodes = pipeline.nodes.filter(({ task_name }) => keepsConfig || task_name !== 'load_config');
  const kept = new Set(nodes.map(({ node_id }) => node_id));
  const edges = new Set(
    nodes
      .flatMap((node) => Object.keys(node.input_mappings ?? {}).map((key) => [key.split('.')[0], node.node_id]))
      .filter(([from]) => kept.has(from ?? ''))
      .map(String),
  );
  const tasks = nodes.map(({ task_name }) => task_name).sort();
  if (!same(wanted.map(({ task }) => task).sort(), tasks)) return `has the tasks ${tasks.join(', ')}`;
  if ((expect.edges ?? []).length !== edges.size) return `has the edges ${[...edges].join(' ')}`;
  return assign(expect, pipeline, edges, {}, 0) ? undefined : `does not match: ${JSON.stringify(nodes)}`;
}

/** Tries every way to lay the wanted nodes over those that are there. */
function assign(
  expect: Expectation,
  pipeline: Pipeline,
  edges: ReadonlySet<string>,
  laid: Record<string, string>,
  at: number,
): boolean {
  const wanted = expect.nodes?.[at];
  if (wanted === undefined) {
    return (expect.edges ?? []).every(([from, to]) => edges.has(`${laid[from]},${laid[to]}`));
  }
  return pipeline.nodes.some((node) => {
    const fits =
      node.task_name === wanted.task &&
      !Object.values(laid).includes(node.node_id) &&
      Object.entries(wanted.inputs).every(([input, value]) => same(value, node.inputs?.[input]));
    return fits && assign(expect, pipeline, edges, { ...laid, [wanted.alias]: node.node_id }, at + 1);
  });
}

function same(want: unknown, got: unknown): boolean {
  if (typeof want === 'object' && want !== null && 'any' in want)
    return (want.any as unknown[]).some((one) => same(one, got));
  if (typeof want === 'number') return Math.abs(Number(got) - want) <= 1e-9 * Math.max(1, Math.abs(want));
  if (Array.isArray(want))
    return Array.isArray(got) && want.map(String).sort().join() === got.map(String).sort().join();
  return String(want).toLowerCase() === String(got).toLowerCase();
}
