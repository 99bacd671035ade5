/** A graph on standard input, as a LangGraph.js graph with its SQLite checkpointer in the folder that is given. */
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Annotation, START, StateGraph } from '@langchain/langgraph';
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite';
import { versionOf } from '../configuration.ts';
import type { Graph } from '../shapes.ts';

const State = Annotation.Root({ done: Annotation<number>({ reducer: (sum, more) => sum + more, default: () => 0 }) });

function build(graph: Graph) {
  const builder = new StateGraph<typeof State.spec, typeof State.State, typeof State.Update, string>(State);
  for (const index of graph.keys()) builder.addNode(`n${index}`, () => ({ done: 1 }));
  for (const [index, parents] of graph.entries()) {
    const names = parents.map((parent) => `n${parent}`);
    const [only = START] = names;
    builder.addEdge(names.length > 1 ? names : only, `n${index}`);
  }
  return builder;
}

const saver = SqliteSaver.fromConnString(join(process.argv[2] ?? '.', 'checkpoints.sqlite'));
await saver.getTuple({ configurable: { thread_id: 'bench' } });
// In WAL mode its default leaves the last commits unsynced.
saver.db.pragma('synchronous = FULL');
let commits = 0;
for (const name of ['put', 'putWrites'] as const) {
  const write = saver[name].bind(saver) as (...args: unknown[]) => Promise<never>;
  saver[name] = (...args: unknown[]) => {
    commits += 1;
    return write(...args);
  };
}
const graph = JSON.parse(await text(process.stdin)) as Graph;
const app = build(graph).compile({ checkpointer: saver });
const start = performance.now();
const { done } = await app.invoke(
  { done: 0 },
  { configurable: { thread_id: 'bench' }, recursionLimit: graph.length + 10, durability: 'sync' },
);
const milliseconds = performance.now() - start;
if (done !== graph.length) throw new Error(`${done} of ${graph.length} nodes ran.`);
const version = versionOf('node_modules/@langchain/langgraph/package.json');
console.log(JSON.stringify({ version, milliseconds, commits, note: 'SqliteSaver, durability sync' }));
