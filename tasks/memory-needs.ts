import type { TaskNeeds } from '../src/core/task.ts';
import { parametersOf } from './registry.ts';

const timeoutSeconds = 7 * 24 * 3600;
/** PyTorch with transformers, before a model is loaded: resident size on Linux, measured. */
const interpreterMib = 700;
const bytesInMib = 2 ** 20;

/**
 * Memory for LoRA: frozen weights in bf16 (2 bytes), adapters with their optimizer state (about 1 % of
 * the parameters at 16 bytes), and activations (a tenth of the weights).
 */
export function trainingNeeds(inputs: Record<string, unknown>): TaskNeeds {
  return needs(inputs, 2 * 1.1 + 0.16);
}

/** Memory to hold a model in bf16 and its quantized copy. */
export function inferenceNeeds(inputs: Record<string, unknown>): TaskNeeds {
  return needs(inputs, 2 * 1.2);
}

/** Full training in float32: weights, gradients and two moments of AdamW (16 bytes) and activations. */
export function fromScratchNeeds(inputs: Record<string, unknown>): TaskNeeds {
  const [hidden, layers, vocabulary] = [inputs.hidden_size, inputs.num_layers, inputs.vocab_size].map(Number);
  const parameters = 12 * (layers ?? 0) * (hidden ?? 0) ** 2 + 2 * (vocabulary ?? 0) * (hidden ?? 0);
  return { memoryMib: toMib(parameters * 20), gpu: 'preferred', timeoutSeconds };
}

function needs(inputs: Record<string, unknown>, bytesAParameter: number): TaskNeeds {
  const name = typeof inputs.model_name === 'string' ? inputs.model_name : '';
  return { memoryMib: toMib((parametersOf(name) ?? 0) * bytesAParameter), gpu: 'preferred', timeoutSeconds };
}

function toMib(bytes: number): number {
  return Math.ceil(bytes / bytesInMib) + interpreterMib;
}
