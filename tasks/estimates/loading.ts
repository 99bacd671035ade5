import type { EstimateTask } from '../../src/core/estimate.ts';
import { knownDataset } from '../registry.ts';
import { datasetSize } from './dataset-size.ts';
import { toMib } from './model-size.ts';
import { numberIn, textIn } from './read-metadata.ts';

const interpreterMib = 40;
/** `datasets` with pyarrow. */
const hubLibraryMib = 250;
/** Python's objects of a row, as read and as written. */
const bytesOfRow = 3000;
/** Names of the columns, quotes and what a model does not read. */
const charactersAround = 70;
const rowsASecond = 20_000;

export const estimateLoadDataset: EstimateTask = (inputs) => {
  const path = textIn(inputs, 'dataset_path') ?? '';
  const listed = knownDataset(path);
  const splits = splitsTaken(listed?.rows, textIn(inputs, 'split'), numberIn(inputs, 'max_samples'));
  const about = { dataset_path: path, ...(listed && { format: listed.format }), ...(splits && { splits }) };
  const rows = splits && sum(Object.values(splits));
  const { characters } = datasetSize(about);
  const written = rows === undefined ? undefined : rows * (characters + charactersAround);
  const fromHub = path.startsWith('huggingface:');
  const base = fromHub ? hubLibraryMib : interpreterMib;
  return {
    memoryMib: Math.ceil(base + toMib((rows ?? 0) * (bytesOfRow + 2 * characters))),
    gpuMemoryMib: null,
    diskMib: written === undefined ? null : toMib(written),
    ...(fromHub && listed?.rows && { download: downloadOf(path, sum(Object.values(listed.rows)), characters) }),
    startSeconds: fromHub ? 4 : 0.3,
    workSeconds: rows === undefined ? null : rows / rowsASecond,
    subject: path,
    shrinkable: {},
    produces: { dataset_id: about },
  };
};

/** The hub's client keeps what it fetched, and the rows once more as a table. */
function downloadOf(path: string, rows: number, characters: number) {
  return { name: `dataset ${path}`, mib: toMib(rows * (characters + charactersAround) * 1.5) };
}

/** Rows by split, of the one split that is asked for or of all, each so many at most. */
function splitsTaken(
  rows: Readonly<Record<string, number>> | undefined,
  split: string | undefined,
  most = Number.POSITIVE_INFINITY,
): Record<string, number> | undefined {
  if (rows === undefined || (split !== undefined && !(split in rows))) return undefined;
  const taken = Object.entries(rows).filter(([name]) => split === undefined || name === split);
  return Object.fromEntries(taken.map(([name, count]) => [name, Math.min(count, most)]));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export const estimateLoadLora: EstimateTask = (inputs) => ({
  memoryMib: 200,
  gpuMemoryMib: null,
  diskMib: 100,
  startSeconds: 2,
  workSeconds: 1,
  subject: textIn(inputs, 'lora_path'),
  shrinkable: {},
  produces: {},
});

/** It reads a few lines in the server's own process; what counts is which settings come of it. */
export const estimateLoadConfig: EstimateTask = ({ overrides }) => ({
  memoryMib: 0,
  gpuMemoryMib: null,
  diskMib: 0,
  startSeconds: 0,
  workSeconds: 0,
  shrinkable: {},
  produces: { config_id: typeof overrides === 'object' && overrides !== null ? { ...overrides } : {} },
});
