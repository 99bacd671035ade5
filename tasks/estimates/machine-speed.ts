import type { Workplace } from '../../src/core/estimate.ts';

/**
 * What a usual machine does: figures for a first guess, for as soon as a task has run here, its own time counts.
 * Those of the CPU were measured on cores of 2026 with models 160, 576 and 768 wide: narrow layers keep it waiting.
 * Those of a GPU are a third of what the data sheet of an A100 says.
 */
const cpuFlopsAThread = (hidden: number) => (60e9 * hidden) / (hidden + 380);
const gpuFlops = (hidden: number) => (100e12 * hidden) / (hidden + 1000);
const cpuBytesASecond = 10e9;
const gpuBytesASecond = 1000e9;
const diskBytesASecond = 300e6;

/** Seconds for so many floating-point operations in layers of that width. */
export function computingSeconds(flops: number, hidden: number, { cpuThreads, gpuMemoryMib }: Workplace): number {
  return flops / (gpuMemoryMib === null ? cpuFlopsAThread(hidden) * cpuThreads : gpuFlops(hidden));
}

/** Seconds for one pass that reads so many bytes of weights in that many layers, as for each token that is generated. */
export function passSeconds(bytes: number, layers: number, { gpuMemoryMib }: Workplace): number {
  const overhead = layers * (gpuMemoryMib === null ? 0.0015 : 0.0008);
  return overhead + bytes / (gpuMemoryMib === null ? cpuBytesASecond : gpuBytesASecond);
}

/** Seconds to read or write so many bytes of files. */
export function fileSeconds(bytes: number): number {
  return bytes / diskBytesASecond;
}
