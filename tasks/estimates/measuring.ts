import type { EstimateTask, Metadata, Workplace } from '../../src/core/estimate.ts';
import { type DatasetSize, datasetSize, tokensOf } from './dataset-size.ts';
import { computingSeconds, fileSeconds, passSeconds } from './machine-speed.ts';
import { downloadOf, type ModelSize, metadataOf, modelSize, toMib, weightBytes } from './model-size.ts';
import { numberIn } from './read-metadata.ts';
import { computingBytes, libraryMib, placedMib } from './runtime-size.ts';

/** A batch of the runtime's measuring.py: so many tokens, and so many rows at most. */
const batchTokens = 16_384;
const batchRows = 64;
const longestMeasured = 1024;

const rowsOfPtq = 64;
/** What ptq measures on where it is given no data. */
const squadMini: Metadata = { dataset_path: 'builtin:squad-mini', splits: { validation: 240 } };

interface Measured {
  rows: number;
  /** Whether answers are generated, and how long they are. */
  newTokens: number;
  perplexity: boolean;
}

export const estimateEvaluate: EstimateTask = (inputs, known, place) => {
  const model = modelSize(inputs, known);
  const data = datasetSize(known.dataset_id);
  const rows = limited(data.evaluationRows, numberIn(inputs, 'max_samples'));
  const startSeconds = 5;
  const common = { startSeconds, shrinkable: {}, produces: {} };
  const libraries = libraryMib.measuring;
  if (model === undefined) return { ...common, ...placedMib(place, libraries, 0, 0), diskMib: 1, workSeconds: null };
  const measured = { ...measuredOf(inputs, data), rows: rows ?? batchRows };
  const tried = (bytes: number) => measuringMib(model, data, measured, bytes) + toMib(weightBytes(model, bytes));
  const bytes = model.quantized ? model.savedBytes : computingBytes(model, place, tried);
  return {
    ...common,
    ...placedMib(place, libraries, tried(bytes), weightBytes(model, model.savedBytes)),
    ...downloadOf(model, inputs),
    diskMib: 1,
    workSeconds: rows === undefined ? null : measuringSeconds(model, data, measured, bytes, place),
    subject: model.name,
    parameters: model.parameters,
  };
};

export const estimatePtq: EstimateTask = (inputs, known, place) => {
  const model = modelSize(inputs, known);
  const data = datasetSize(known.dataset_id ?? squadMini);
  const startSeconds = 5;
  const libraries = libraryMib.measuring;
  const common = { startSeconds, shrinkable: {}, produces: { model_id: { ...metadataOf(model), bits: 8 } } };
  if (model === undefined) {
    return { ...common, ...placedMib(place, libraries, 0, 0), diskMib: null, workSeconds: null };
  }
  const rows = limited(data.evaluationRows, rowsOfPtq) ?? rowsOfPtq;
  const measured = { rows, newTokens: 0, perplexity: true };
  const result = weightBytes({ ...model, quantized: true }, model.savedBytes);
  const whole = weightBytes(model, model.savedBytes);
  // Loaded as it was saved; while it is quantized, the model and its copy are there.
  const needed = toMib(whole) + Math.max(toMib(result), measuringMib(model, data, measured, model.savedBytes));
  const once = measuringSeconds(model, data, measured, model.savedBytes, place);
  const decoded = 36 * passSeconds(whole, model.layers, place);
  return {
    ...common,
    ...placedMib(place, libraries, needed, whole),
    ...downloadOf(model, inputs),
    diskMib: toMib(result),
    workSeconds: 2 * (once + decoded) + fileSeconds(2 * result + whole),
    subject: model.name,
    parameters: model.parameters,
  };
};

function limited(rows: number | undefined, most: number | undefined): number | undefined {
  return rows === undefined || most === undefined ? rows : Math.min(rows, most);
}

function measuredOf({ metrics }: Metadata, { format }: DatasetSize): Omit<Measured, 'rows'> {
  const asked = Array.isArray(metrics) ? metrics : [];
  const answers = asked.length === 0 ? format !== 'text' : asked.some((name) => name !== 'perplexity');
  const perplexity = asked.length === 0 ? format !== 'squad' : asked.includes('perplexity');
  return { newTokens: answers ? (format === 'squad' ? 32 : 128) : 0, perplexity };
}

/** Memory of a batch: what is kept of each token, and for perplexity its scores over the vocabulary. */
function measuringMib(model: ModelSize, data: DatasetSize, { rows, newTokens, perplexity }: Measured, bytes: number) {
  const { hidden, layers, vocabulary, charactersAToken } = model;
  const { longest } = tokensOf(data, charactersAToken);
  // A long text is cut into several examples, any other row keeps its end.
  const examples = data.format === 'text' ? rows * Math.ceil(longest / longestMeasured) : rows;
  const tokensAnExample = Math.min(longest, longestMeasured) + newTokens;
  const tokens = Math.min(batchTokens, Math.min(examples, batchRows) * tokensAnExample);
  const kept = newTokens > 0 ? 2 * layers : 0;
  const scores = perplexity ? vocabulary * (bytes === 4 ? 14 : 16) : 0;
  return toMib(tokens * (hidden * bytes * (16 + kept) + scores));
}

function measuringSeconds(
  model: ModelSize,
  data: DatasetSize,
  { rows, newTokens, perplexity }: Measured,
  bytes: number,
  place: Workplace,
): number {
  const mean = tokensOf(data, model.charactersAToken).mean;
  const passes = (perplexity ? 1 : 0) + (newTokens > 0 ? 1 : 0);
  const computed = 2 * model.parameters * rows * (mean * passes + newTokens);
  const batches = Math.ceil(rows / Math.min(batchRows, Math.max(1, batchTokens / (mean + newTokens))));
  const weights = weightBytes(model, bytes);
  const generated = batches * newTokens * passSeconds(weights, model.layers, place);
  return computingSeconds(computed, model.hidden, place) + generated + fileSeconds(weights);
}
