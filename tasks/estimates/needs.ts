import type { EstimateTask, Workplace } from '../../src/core/estimate.ts';
import type { TaskNeeds } from '../../src/core/task.ts';

const timeoutSeconds = 7 * 24 * 3600;

/** Anywhere: without a GPU, and with memory for whatever a task likes best. */
const anywhere: Workplace = {
  cpuThreads: 1,
  memoryMib: Number.POSITIVE_INFINITY,
  memoryShareMib: Number.POSITIVE_INFINITY,
  gpuMemoryMib: null,
};

/** What a heavy task needs, from its inputs alone: the memory is that of its estimate. */
export function heavyNeeds(estimate: EstimateTask): (inputs: Record<string, unknown>) => TaskNeeds {
  return (inputs) => ({ memoryMib: estimate(inputs, {}, anywhere).memoryMib, gpu: 'preferred', timeoutSeconds });
}
