import type { FollowOptions, Runner } from '../core/runner.ts';
import { createPythonRunner, type PythonRunnerOptions } from './python.ts';
import { ensurePythonEnvironment } from './python-environment.ts';
import { requestedEnvironment } from './requested-environment.ts';

export interface VenvOptions extends Omit<PythonRunnerOptions, 'name' | 'findPython'> {
  /** Folder for environments and tools. */
  stateDirectory: string;
  /** The environment of package installers. */
  toolEnvironment: Record<string, string>;
}

type Reporting = Pick<FollowOptions, 'onReport' | 'signal'>;
export type PrepareEnvironment = (
  requirements: readonly string[],
  pythonVersion: string | undefined,
  options: Reporting,
) => Promise<{ hash: string }>;

/** Makes the runtime's environment with further requirements, or finds it made. */
export function environmentMaker(
  options: Pick<VenvOptions, 'stateDirectory' | 'runtimeDirectory' | 'toolEnvironment'>,
) {
  return (requirements: readonly string[], pythonVersion: string | undefined, { onReport, signal }: Reporting) =>
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
export function createVenvRunner(options: VenvOptions, prepare: ReturnType<typeof environmentMaker>): Runner {
  return createPythonRunner({
    ...options,
    name: 'venv',
    findPython: async (attempt, reporting) => {
      const { requirements, pythonVersion } = requestedEnvironment(attempt);
      const { python, hash } = await prepare(requirements, pythonVersion, reporting);
      return { python, version: hash };
    },
  });
}
