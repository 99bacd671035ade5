import type { AttemptLimits } from '../core/runner.ts';
import type { Task, TaskNeeds } from '../core/task.ts';

/** What this machine has for tasks. */
export interface Machine {
  cpus: number;
  memoryMib: number;
  /** Device ids, such as `['0', '1']`. */
  gpus: readonly string[];
  /** Memory of the smallest GPU, 0 when there is none. */
  gpuMemoryMib: number;
}

export interface Lease {
  limits: Pick<AttemptLimits, 'cpuThreads' | 'memoryMib' | 'gpus'>;
  release: () => void;
}

/** Lends the machine's cores, memory and GPUs to attempts. */
export interface Capacity {
  /** Undefined while there is no room; what is held by nobody else is always granted, so nothing starves. */
  take(task: Task, inputs: Record<string, unknown>): Lease | undefined;
  /** What an attempt of an earlier process holds already, whether there is room or not. */
  retake(task: Task, inputs: Record<string, unknown>, gpus: readonly string[]): Lease;
}

const maxLightTasks = 16;

/**
 * @param heavyTasks how many tasks that need isolation run at once; each gets an equal share of the cores.
 */
export function createCapacity(machine: Machine, heavyTasks: number): Capacity {
  const cpuThreads = Math.max(1, Math.floor(machine.cpus / heavyTasks));
  const memoryShareMib = Math.floor(machine.memoryMib / heavyTasks);
  const freeGpus = new Set(machine.gpus);
  let freeMemoryMib = machine.memoryMib;
  let heavy = 0;
  let light = 0;

  function lendLight({ memoryMib }: TaskNeeds): Lease {
    light += 1;
    return { limits: { cpuThreads: 1, memoryMib, gpus: [] }, release: once(() => (light -= 1)) };
  }

  function lendHeavy({ memoryMib }: TaskNeeds, gpus: readonly string[]): Lease {
    for (const id of gpus) freeGpus.delete(id);
    heavy += 1;
    freeMemoryMib -= memoryMib;
    const release = once(() => {
      heavy -= 1;
      freeMemoryMib += memoryMib;
      for (const id of gpus) if (machine.gpus.includes(id)) freeGpus.add(id);
    });
    return { limits: { cpuThreads, memoryMib: Math.max(memoryMib, memoryShareMib), gpus }, release };
  }

  function takeHeavy(needs: TaskNeeds): Lease | undefined {
    const wantsGpu = needs.gpu !== 'none' && machine.gpus.length > 0;
    if (heavy >= heavyTasks || (heavy > 0 && needs.memoryMib > freeMemoryMib)) return undefined;
    if (wantsGpu && freeGpus.size === 0) return undefined;
    return lendHeavy(needs, wantsGpu ? [...freeGpus].slice(0, 1) : []);
  }

  return {
    take(task, inputs) {
      const needs = task.needs(inputs);
      if (task.requiresIsolation) return takeHeavy(needs);
      return light < maxLightTasks ? lendLight(needs) : undefined;
    },
    retake(task, inputs, gpus) {
      const needs = task.needs(inputs);
      return task.requiresIsolation ? lendHeavy(needs, gpus) : lendLight(needs);
    },
  };
}

function once(release: () => void): () => void {
  let released = false;
  return () => {
    if (!released) release();
    released = true;
  };
}
