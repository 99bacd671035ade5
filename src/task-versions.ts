import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from './core/task.ts';
import { environmentVersion } from './runners/python-environment.ts';
import { hashFiles, hashOf, runtimeFiles } from './runners/runtime-files.ts';

const lookAgainMs = 5000;

/**
 * What the code of a task is at: a hash of the Python package, its lock file and the environment's make for what that
 * does, Trainyard's own version for the rest. A result of other code is never taken for one of this code: each attempt
 * imports the files as they are then, so they are looked at again from time to time.
 */
export function createVersions(runtimeDirectory: string, version: string): (task: Task) => string {
  let known = { times: '', hash: '', lookedAt: Number.NEGATIVE_INFINITY };

  function ofRuntime(): string {
    if (performance.now() - known.lookedAt < lookAgainMs) return known.hash;
    const files = runtimeFiles(runtimeDirectory);
    const times = files.map((file) => statSync(join(runtimeDirectory, file)).mtimeMs).join(' ');
    const hash = times === known.times ? known.hash : hashFiles(hashOf(environmentVersion), runtimeDirectory, files);
    known = { times, hash, lookedAt: performance.now() };
    return hash;
  }

  return ({ work }) => (work.where === 'python' ? ofRuntime() : version);
}
