import type { Expectation, Workplace } from '../../src/core/estimate.ts';
import { type ModelSize, toMib, weightBytes } from './model-size.ts';

/** What PyTorch and transformers take beside model and data: measured on Linux without a GPU, at the end of a run. */
export const libraryMib = { training: 700, measuring: 480 };
/** With a GPU the driver and CUDA's libraries are loaded as well, there and here. */
const cudaMib = 2500;
const gpuContextMib = 500;

/** Splits what a task needs beside the libraries between main memory and the GPU's. */
export function placedMib(
  place: Workplace,
  libraries: number,
  neededMib: number,
  loadedBytes: number,
): Pick<Expectation, 'memoryMib' | 'gpuMemoryMib'> {
  if (place.gpuMemoryMib === null) return { memoryMib: Math.ceil(libraries + neededMib), gpuMemoryMib: null };
  // The weights pass through main memory on their way.
  const memoryMib = Math.ceil(libraries + cudaMib + toMib(loadedBytes));
  return { memoryMib, gpuMemoryMib: Math.ceil(gpuContextMib + neededMib) };
}

/**
 * Bytes a parameter that the runtime computes in. On a GPU those of the model; on the CPU four, but two for a model
 * of 16 bits whose four would take more than four fifths of what the task is given.
 */
export function computingBytes(
  model: ModelSize,
  place: Workplace,
  neededMib: (bytesAParameter: number) => number,
): number {
  if (model.savedBytes === 4) return 4;
  if (place.gpuMemoryMib !== null) return 2;
  const givenMib = (bytes: number) => Math.max(libraryMib.measuring + neededMib(bytes), place.memoryShareMib);
  const halves = (bytes: number) => toMib(weightBytes(model, 4)) > 0.8 * givenMib(bytes);
  if (halves(4)) return 2;
  const fits = libraryMib.measuring + neededMib(4) <= place.memoryMib;
  return fits || !halves(2) ? 4 : 2;
}
