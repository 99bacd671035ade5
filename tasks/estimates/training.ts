import type { EstimateTask, Expectation, Workplace } from '../../src/core/estimate.ts';
import { type DatasetSize, datasetSize, tokensOf } from './dataset-size.ts';
import { computingSeconds, fileSeconds, passSeconds } from './machine-speed.ts';
import { downloadOf, type ModelSize, metadataOf, modelSize, toMib, weightBytes } from './model-size.ts';
import { numberIn } from './read-metadata.ts';
import { computingBytes, libraryMib, placedMib } from './runtime-size.ts';
import { type TrainingSettings, trainingSettings } from './training-settings.ts';

/** How a method trains. */
interface Method {
  /** Parameters that are trained. */
  trained: (model: ModelSize, settings: TrainingSettings) => number;
  /** Bytes of weight, gradient and the two moments of AdamW, for each parameter that is trained. */
  stateBytes: (bytesAParameter: number) => number;
  /** Numbers that each layer keeps of each token for the way back, in multiples of its width. */
  keptWidths: (settings: TrainingSettings) => number;
  /** Floating-point operations a parameter and token. */
  flops: number;
  /** Bytes of the model that it leaves. */
  resultBytes: (model: ModelSize) => number;
}

const rowsWatched = 128;
/** Checkpoints are written every two minutes; the last one stays until the next is whole. */
const checkpointsAtOnce = 2;
const checkpointAfterSeconds = 120;

const lora: Method = {
  trained: (model, { lora_rank }) => loraParameters(model, lora_rank),
  stateBytes: () => 16,
  keptWidths: ({ lora_dropout }) => (lora_dropout > 0 ? 48 : 32),
  flops: 4,
  resultBytes: (model) => weightBytes(model, model.savedBytes),
};

/** Every linear layer gets two matrices: four of them are hidden × hidden, three as wide as 2.7 × hidden on one side. */
function loraParameters({ hidden, layers }: ModelSize, rank: number): number {
  return rank * layers * hidden * (4 * 2 + 3 * 3.7);
}

const full: Method = {
  trained: (model) => model.parameters,
  stateBytes: (bytesAParameter) => 4 * bytesAParameter,
  keptWidths: () => 32,
  flops: 6,
  resultBytes: (model) => weightBytes(model, model.savedBytes),
};

const quantizationAware: Method = {
  ...full,
  // Beside the weights, their rounded copies are kept for the way back.
  stateBytes: (bytesAParameter) => 6 * bytesAParameter,
  flops: 8,
  resultBytes: (model) => weightBytes({ ...model, quantized: true }, model.savedBytes),
};

export const estimateFinetune: EstimateTask = (inputs, known, place) => {
  const model = modelSize(inputs, known);
  const settings = trainingSettings(inputs, known.config_id, model?.advice.finetune);
  const taken = estimateTraining(lora, model, datasetSize(known.dataset_id), settings, place);
  return {
    ...taken,
    ...downloadOf(model, inputs),
    produces: { model_id: metadataOf(model), lora_id: { base_model: model?.name } },
  };
};

export const estimateQat: EstimateTask = (inputs, known, place) => {
  const model = modelSize(inputs, known);
  const settings = trainingSettings(inputs, known.config_id, model?.advice.qat, { num_epochs: 1 });
  const taken = estimateTraining(quantizationAware, model, datasetSize(known.dataset_id), settings, place);
  return {
    ...taken,
    ...downloadOf(model, inputs),
    produces: { model_id: { ...metadataOf(model), bits: numberIn(inputs, 'bits') ?? 8 } },
  };
};

export const estimateTrain: EstimateTask = (inputs, known, place) => {
  const data = datasetSize(known.dataset_id);
  const earlier = known.model_id === undefined ? undefined : modelSize(inputs, known);
  const model = earlier ?? modelFromScratch(inputs);
  const defaults = { num_epochs: 1, batch_size: 16, max_seq_length: 256 };
  const settings = trainingSettings(inputs, known.config_id, {}, defaults);
  // Texts are laid end to end, so that every example is as long as may be.
  const packed = { ...data, longest: settings.max_seq_length * model.charactersAToken };
  const taken = estimateTraining(full, model, packed, settings, place);
  const { hidden: hidden_size, layers: num_layers } = model;
  return {
    ...taken,
    shrinkable: { ...taken.shrinkable, hidden_size, num_layers },
    produces: { model_id: metadataOf(model) },
  };
};

function modelFromScratch(inputs: Readonly<Record<string, unknown>>): ModelSize {
  const hidden = numberIn(inputs, 'hidden_size') ?? 160;
  const layers = numberIn(inputs, 'num_layers') ?? 4;
  const vocabulary = numberIn(inputs, 'vocab_size') ?? 1024;
  const parameters = 12 * layers * hidden ** 2 + vocabulary * hidden;
  const charactersAToken = vocabulary < 8192 ? 3.3 : 4;
  const fixed = { name: undefined, savedBytes: 4, quantized: false, charactersAToken, advice: {} };
  return { ...fixed, parameters, hidden, layers, vocabulary };
}

type Taken = Omit<Expectation, 'produces'>;

function estimateTraining(
  method: Method,
  model: ModelSize | undefined,
  data: DatasetSize,
  settings: TrainingSettings,
  place: Workplace,
): Taken {
  const { batch_size, max_seq_length } = settings;
  const shrinkable = { batch_size, max_seq_length };
  const startSeconds = 6;
  const libraries = libraryMib.training;
  if (model === undefined) {
    return { ...placedMib(place, libraries, 0, 0), diskMib: null, startSeconds, workSeconds: null, shrinkable };
  }
  const bytes = computingBytes(model, place, (tried) => trainingMib(method, model, data, settings, place, tried));
  const needed = trainingMib(method, model, data, settings, place, bytes);
  const workSeconds = trainingSeconds(method, model, data, settings, place);
  const checkpoints = (workSeconds ?? checkpointAfterSeconds) < checkpointAfterSeconds ? 0 : checkpointsAtOnce;
  const trained = method.trained(model, settings);
  const left = method.resultBytes(model) + (trained < model.parameters ? trained * 4 : 0);
  return {
    ...placedMib(place, libraries, needed, weightBytes(model, model.savedBytes)),
    diskMib: toMib(left + checkpoints * trained * 3 * bytes),
    startSeconds,
    workSeconds,
    shrinkable,
    subject: model.name,
    parameters: model.parameters,
  };
}

/** Memory of weights, optimizer, activations and the scores of each token over the vocabulary. */
function trainingMib(
  method: Method,
  model: ModelSize,
  data: DatasetSize,
  settings: TrainingSettings,
  { gpuMemoryMib }: Workplace,
  bytes: number,
): number {
  const { longest } = tokensOf(data, model.charactersAToken);
  const tokens = settings.batch_size * Math.min(settings.max_seq_length, longest);
  const trained = method.trained(model, settings);
  const frozen = trained < model.parameters ? weightBytes(model, bytes) : 0;
  const width = tokens * model.hidden * bytes * method.keptWidths(settings);
  // A GPU keeps each layer's input alone and computes one layer at a time again.
  const activations =
    gpuMemoryMib === null ? width * model.layers : width + tokens * model.hidden * bytes * model.layers;
  // The scores, their logarithms and their gradient in float32; of 16 bits, the scores as they came as well.
  const scores = tokens * model.vocabulary * (bytes === 4 ? 12 : 16);
  return toMib(frozen + trained * method.stateBytes(bytes) + activations + scores);
}

function trainingSeconds(
  { flops, resultBytes }: Method,
  model: ModelSize,
  data: DatasetSize,
  settings: TrainingSettings,
  place: Workplace,
): number | null {
  const { num_epochs, max_steps, batch_size, gradient_accumulation_steps, max_seq_length } = settings;
  const mean = tokensOf(data, model.charactersAToken).mean;
  const examplesARow = data.format === 'text' ? Math.ceil(mean / max_seq_length) : 1;
  const examplesAStep = batch_size * gradient_accumulation_steps;
  const rows = data.trainingRows;
  const examples = max_steps === undefined ? rows && rows * examplesARow * num_epochs : max_steps * examplesAStep;
  if (examples === undefined) return null;
  const tokensAnExample = Math.min(mean / examplesARow, max_seq_length);
  const watched = data.hasValidation ? 2 * rowsWatched : 0;
  const computed = model.parameters * tokensAnExample * (examples * flops + watched * 2);
  const batches = examples / batch_size;
  const files = weightBytes(model, model.savedBytes) + resultBytes(model);
  return (
    computingSeconds(computed, model.hidden, place) +
    batches * 3 * passSeconds(0, model.layers, place) +
    fileSeconds(files)
  );
}
