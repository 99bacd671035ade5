import type { Task } from './core/task.ts';
import { environmentVersion } from './runners/python-environment.ts';
import { createFolderHash, runtimeFiles } from './runners/runtime-files.ts';

/**
 * What the code of a task is at: a hash of the Python package, its lock file and the environment's make for what that
 * does, Trainyard's own version for the rest. A result of other code is never taken for one of this code: each attempt
 * imports the files as they are then, so they are looked at again from time to time.
 */
export function createVersions(runtimeDirectory: string, version: string): (task: Task) => string {
  const ofRuntime = createFolderHash(runtimeDirectory, environmentVersion, () => runtimeFiles(runtimeDirectory));
  return ({ work }) => (work.where === 'python' ? ofRuntime() : version);
}
