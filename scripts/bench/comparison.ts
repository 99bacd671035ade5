import { formatTable } from '../../src/services/text-table.ts';
import { formatMs, verdict } from './figures.ts';
import { measurePeer, peers } from './peers.ts';
import { depthOf, drawGraph, type ShapeName, shapeNames } from './shapes.ts';
import { type Measured, measureTrainyardAndFloor } from './trainyard-and-floor.ts';

/** What Trainyard has to meet with 1,000 nodes, from its time and the floor's. */
const targets: Record<ShapeName, (trainyardMs: number, floorMs: number) => string> = {
  chain: (trainyardMs, floorMs) => {
    const ratio = trainyardMs / floorMs;
    return `${ratio.toFixed(2)} × the floor, ${verdict(ratio, 2, '×')}`;
  },
  'fan-out': (trainyardMs) => `${formatMs(trainyardMs)} ms, ${verdict(trainyardMs, 50, 'ms')}`,
  'random DAG': (trainyardMs) => `${formatMs(trainyardMs)} ms, ${verdict(trainyardMs, 200, 'ms')}`,
};

const runs = 5;

/** Trainyard, the floor and the other engines on each shape, as a table a shape. */
export async function compareEngines(nodes: number): Promise<void> {
  for (const shape of shapeNames) {
    const draw = (count: number) => drawGraph(shape, count);
    const [trainyard, floor] = await measureTrainyardAndFloor(draw(nodes), runs);
    const others: Measured[] = [];
    for (const peer of peers) others.push(await measurePeer(peer, draw, nodes));
    const all = [trainyard, floor, ...others];
    console.log(`\n${shape}, ${nodes} nodes, ${depthOf(draw(nodes))} one behind the other\n`);
    console.log(formatTable(['engine', 'ms', 'nodes', 'ms/node', 'commits'], all.map(rowOf)));
    for (const { engine, note } of all) console.log(`  ${engine}: ${note}`);
    console.log(`\nTrainyard on the ${shape}: ${targets[shape](trainyard.milliseconds, floor.milliseconds)}`);
    console.log(`  ${ranking(trainyard, others)}`);
  }
}

function rowOf({ engine, milliseconds, nodes, commits }: Measured): string[] {
  if (milliseconds === undefined) return [engine, '–', '–', '–', '–'];
  const perNode = formatMs(milliseconds / nodes);
  return [engine, formatMs(milliseconds), String(nodes), perNode, commits === undefined ? '–' : String(commits)];
}

function ranking(trainyard: Measured, others: readonly Measured[]): string {
  const perNode = ({ milliseconds, nodes }: Measured) => (milliseconds ?? Number.POSITIVE_INFINITY) / nodes;
  const [best] = others.toSorted((a, b) => perNode(a) - perNode(b));
  if (best?.milliseconds === undefined) return 'no other engine ran';
  const ratio = perNode(best) / perNode(trainyard);
  const place = ratio > 1 ? 'ahead of' : 'BEHIND';
  return `${place} every other engine: the next, ${best.engine}, takes ${ratio.toFixed(1)} times as long`;
}
