import type { Attempt, FollowOptions, Runner } from '../core/runner.ts';
import { createProcessRunner, type ProcessRunnerOptions } from './process.ts';

export interface PythonRunnerOptions extends Pick<ProcessRunnerOptions, 'store' | 'name'> {
  /** The folder of the package `trainyard_runtime`. */
  runtimeDirectory: string;
  /** What a task gets of the environment. */
  taskEnvironment: Record<string, string>;
  /** The interpreter that an attempt wants, and what its packages are at, where that is known. */
  findPython: (
    attempt: Attempt,
    reporting: Pick<FollowOptions, 'onReport' | 'signal'>,
  ) => Promise<{ python: string; version?: string }>;
}

/** Runs tasks of the Python runtime as processes. */
export function createPythonRunner(options: PythonRunnerOptions): Runner {
  const { name, store, runtimeDirectory, taskEnvironment, findPython } = options;
  return createProcessRunner({
    name,
    store,
    command: async (attempt, reporting) => {
      const { python, version } = await findPython(attempt, reporting);
      if (version !== undefined) await reporting.onReport({ type: 'task_placed', environment: { version } });
      const { cpuThreads, gpus } = attempt.limits;
      return {
        argv: [python, '-m', 'trainyard_runtime', attempt.folder],
        env: {
          ...taskEnvironment,
          PYTHONPATH: runtimeDirectory,
          PYTHONUNBUFFERED: '1',
          OMP_NUM_THREADS: String(cpuThreads),
          // nvidia-smi counts like this, and CUDA by itself does not.
          CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
          CUDA_VISIBLE_DEVICES: gpus.join(','),
          TOKENIZERS_PARALLELISM: 'false',
        },
      };
    },
  });
}
