import { formatTable } from '../../src/services/text-table.ts';
import { formatMs, verdict } from './figures.ts';
import { drawGraph, shapeNames } from './shapes.ts';
import { measureTrainyardAndFloor } from './trainyard-and-floor.ts';

const sizes = [100, 1000, 10_000];

/** Trainyard's time a node as pipelines grow. */
export async function showGrowth(): Promise<void> {
  const rows: string[][] = [];
  for (const shape of shapeNames) {
    const perNode: number[] = [];
    for (const nodes of sizes) {
      const [{ milliseconds }] = await measureTrainyardAndFloor(drawGraph(shape, nodes));
      perNode.push(milliseconds / nodes);
    }
    const ratio = Math.max(...perNode) / Math.min(...perNode);
    rows.push([shape, ...perNode.map(formatMs), ratio.toFixed(2), verdict(ratio, 1.5, '×')]);
  }
  const header = ['Trainyard, ms/node', ...sizes.map((size) => `${size} nodes`), 'most/least', 'target'];
  console.log(`\n${formatTable(header, rows)}`);
}
