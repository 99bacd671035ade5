/** Runs no-op nodes and hangs in the last of them, to be killed. Arguments: folder, nodes in all. */
import { drawGraph, pipelineOf } from '../shapes.ts';
import { openYard } from '../yard.ts';

const [home = '.', nodes = '0'] = process.argv.slice(2);
const { nodes: noops, edges = [] } = pipelineOf(drawGraph('random DAG', Number(nodes) - 1));
const last = { node_id: 'last', task_name: 'noop', inputs: { sleep_ms: 2 ** 31 - 1 } };
let succeeded = 0;
const yard = openYard(home, {
  onEvents: (events) => {
    succeeded += events.filter(({ type }) => type === 'task_succeeded').length;
    if (succeeded === noops.length) console.log('ready');
  },
});
await yard.run({
  nodes: [...noops, last],
  edges: [...edges, { from: noops.at(-1)?.node_id ?? '', to: 'last' }],
});
