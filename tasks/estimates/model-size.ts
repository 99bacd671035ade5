import type { Metadata } from '../../src/core/estimate.ts';
import { knownModel, parametersInName } from '../registry.ts';
import { numberIn, textIn } from './read-metadata.ts';

/** A model as far as it is known before it is loaded. */
export interface ModelSize {
  /** What it is called, or what the one is called that it was made from. */
  name: string | undefined;
  parameters: number;
  hidden: number;
  layers: number;
  vocabulary: number;
  /** Bytes a parameter of its files, of the part that is not quantized. */
  savedBytes: number;
  /** Its linear layers are kept in 8 bits. */
  quantized: boolean;
  charactersAToken: number;
  /** Settings that it recommends itself, by task. */
  advice: Readonly<Record<string, Metadata>>;
}

/** Of a model that no list tells of: most have more than those of Llama 2 and fewer than those of Llama 3. */
const usualVocabulary = 100_000;
const usualCharactersAToken = 4;

/** The model that the inputs name or bring; undefined where its size is not known. */
export function modelSize(
  inputs: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, Metadata>>,
): ModelSize | undefined {
  const about = known.model_name ?? known.model_id ?? {};
  const name = textIn(inputs, 'model_name') ?? textIn(about, 'base_model');
  const listed = name === undefined ? undefined : knownModel(name);
  const parameters = numberIn(about, 'parameters') ?? listed?.parameters ?? parametersInName(name ?? '');
  if (parameters === undefined) return undefined;
  const shape = shapeOf(parameters, about) ?? (isAbout(parameters, listed?.parameters) ? listed?.shape : undefined);
  const dtype = textIn(about, 'dtype') ?? listed?.dtype;
  return {
    name,
    parameters,
    ...(shape ?? usualShape(parameters)),
    vocabulary: numberIn(about, 'vocab_size') ?? listed?.vocabulary ?? usualVocabulary,
    savedBytes: dtype === 'float32' ? 4 : 2,
    quantized: numberIn(about, 'bits') !== undefined,
    charactersAToken: listed?.charactersAToken ?? usualCharactersAToken,
    advice: listed?.advice ?? {},
  };
}

function isAbout(parameters: number, listed = 0): boolean {
  return Math.abs(parameters - listed) < listed / 10;
}

function shapeOf(parameters: number, about: Metadata): { hidden: number; layers: number } | undefined {
  const hidden = numberIn(about, 'hidden_size');
  const layers = numberIn(about, 'num_layers');
  if (hidden === undefined || layers === undefined) return undefined;
  return parameters < hidden * layers ? undefined : { hidden, layers };
}

/** Transformers have about 12 hidden² parameters a layer, and from 1 to 70 billion about hidden / 128 layers. */
function usualShape(parameters: number): { hidden: number; layers: number } {
  const hidden = Math.cbrt((parameters * 128) / 12);
  return { hidden, layers: Math.max(2, hidden / 128) };
}

/** Bytes of its weights, each parameter that is not quantized in that many. */
export function weightBytes(model: ModelSize, bytesAParameter: number): number {
  const { parameters, quantized } = model;
  if (!quantized) return parameters * bytesAParameter;
  const embeddings = embeddingParameters(model);
  return parameters - embeddings + embeddings * bytesAParameter;
}

function embeddingParameters({ vocabulary, hidden, parameters }: ModelSize): number {
  return Math.min(vocabulary * hidden, parameters / 2);
}

/** What a run loads from the hub unless it is there already. */
export function downloadOf(model: ModelSize | undefined, inputs: Readonly<Record<string, unknown>>) {
  const name = textIn(inputs, 'model_name');
  if (model === undefined || name === undefined || !/^(huggingface:)?[\w-][\w.-]*(\/[\w.-]+)?$/.test(name)) return {};
  return { download: { name: `model ${name}`, mib: toMib(weightBytes(model, model.savedBytes)) } };
}

/** What tasks write of a model that they made of this one, of the things that sizes hang on. */
export function metadataOf(model: ModelSize | undefined): Record<string, unknown> {
  if (model === undefined) return {};
  return {
    ...(model.name !== undefined && { base_model: model.name }),
    parameters: model.parameters,
    dtype: model.savedBytes === 4 ? 'float32' : 'bfloat16',
    hidden_size: model.hidden,
    num_layers: model.layers,
    vocab_size: model.vocabulary,
  };
}

export function toMib(bytes: number): number {
  return bytes / 2 ** 20;
}
