import type { Resource } from '../core/resource.ts';
import type { Attempt, FollowOptions, Runner } from '../core/runner.ts';
import { createProcessRunner, type ProcessRunnerOptions } from './process.ts';
import { ensurePythonEnvironment } from './python-environment.ts';

export interface VenvOptions extends Pick<ProcessRunnerOptions, 'store'> {
  /** Folder for environments and tools. */
  stateDirectory: string;
  /** The Python package that does the work. */
  runtimeDirectory: string;
  /** The environment of package installers. */
  toolEnvironment: Record<string, string>;
  /** What a task gets of the environment. */
  taskEnvironment: Record<string, string>;
}

type Reporting = Pick<FollowOptions, 'onReport' | 'signal'>;
export type PrepareEnvironment = (
  requirements: readonly string[],
  pythonVersion: string | undefined,
  options: Reporting,
) => Promise<{ python: string; hash: string }>;

/** Makes the runtime's environment with further requirements, or finds it made. */
export function environmentMaker(options: Omit<VenvOptions, 'store' | 'taskEnvironment'>): PrepareEnvironment {
  return (requirements, pythonVersion, { onReport, signal }) =>
    ensurePythonEnvironment({
      stateDir: options.stateDirectory,
      runtimeDir: options.runtimeDirectory,
      requirements: [...requirements],
      ...(pythonVersion !== undefined && { pythonVersion }),
      env: options.toolEnvironment,
      onProgress: (text) => void onReport({ type: 'task_message', level: 'info', text }),
      signal,
    });
}

/** Runs tasks of the Python runtime as processes in an environment kept by the hash of its requirements. */
export function createVenvRunner(options: VenvOptions, prepare: PrepareEnvironment): Runner {
  return createProcessRunner({
    name: 'venv',
    store: options.store,
    command: async (attempt, reporting) => {
      const { requirements, pythonVersion } = requestedEnvironment(attempt);
      const { python } = await prepare(requirements, pythonVersion, reporting);
      const { cpuThreads, gpus } = attempt.limits;
      return {
        argv: [python, '-m', 'trainyard_runtime', attempt.folder],
        env: {
          ...options.taskEnvironment,
          PYTHONPATH: options.runtimeDirectory,
          PYTHONUNBUFFERED: '1',
          OMP_NUM_THREADS: String(cpuThreads),
          CUDA_VISIBLE_DEVICES: gpus.join(','),
          TOKENIZERS_PARALLELISM: 'false',
        },
      };
    },
  });
}

/** The environment that the attempt's `env_id` asks for; without one, the runtime's own. */
function requestedEnvironment({ inputs, resources }: Attempt): {
  requirements: string[];
  pythonVersion: string | undefined;
} {
  const environment: Resource | undefined = resources[String(inputs.env_id)];
  const { requirements, python_version: version } = environment?.metadata ?? {};
  return {
    requirements: Array.isArray(requirements) ? requirements.map(String) : [],
    pythonVersion: typeof version === 'string' ? version : undefined,
  };
}
