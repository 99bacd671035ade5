import { formatTable } from '../../src/services/text-table.ts';
import { formatMs, verdict } from './figures.ts';
import { drawGraph, shapeNames } from './shapes.ts';
import { measureTrainyardAndFloor } from './trainyard-and-floor.ts';

const sizes = [100, 1000, 10_000];
const runs = 3;

/**
 * Trainyard's time a node as pipelines grow. The target is on the growth, the largest step up from a size to a larger
 * one: what a small pipeline pays once is spread thinner in a large one, and `most/least` shows it, too.
 */
export async function showGrowth(): Promise<void> {
  const rows: string[][] = [];
  for (const shape of shapeNames) {
    // Else the first size would pay for what is compiled once.
    await measureTrainyardAndFloor(drawGraph(shape, 1000), 1);
    const perNode: number[] = [];
    for (const nodes of sizes) {
      const [{ milliseconds }] = await measureTrainyardAndFloor(drawGraph(shape, nodes), runs);
      perNode.push(milliseconds / nodes);
    }
    const spread = Math.max(...perNode) / Math.min(...perNode);
    const growth = largestStepUp(perNode);
    rows.push([shape, ...perNode.map(formatMs), spread.toFixed(2), growth.toFixed(2), verdict(growth, 1.5, '×')]);
  }
  const header = ['Trainyard, ms/node', ...sizes.map((size) => `${size} nodes`), 'most/least', 'growth', 'target'];
  console.log(`\n${formatTable(header, rows)}`);
}

function largestStepUp(values: readonly number[]): number {
  const ratios = values.flatMap((later, index) => values.slice(0, index).map((earlier) => later / earlier));
  return Math.max(...ratios);
}
