import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from './core/task.ts';
import { environmentVersion } from './runners/python-environment.ts';

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
    const files = filesOf(runtimeDirectory);
    const times = files.map((file) => statSync(join(runtimeDirectory, file)).mtimeMs).join(' ');
    const hash = times === known.times ? known.hash : hashOf(runtimeDirectory, files);
    known = { times, hash, lookedAt: performance.now() };
    return hash;
  }

  return ({ work }) => (work.where === 'python' ? ofRuntime() : version);
}

function filesOf(directory: string): string[] {
  const code = readdirSync(join(directory, 'trainyard_runtime'), { recursive: true, encoding: 'utf8' });
  const files = code.filter((file) => /\.(?:py|json|jsonl|safetensors)$/.test(file)).sort();
  return ['requirements.lock', ...files.map((name) => join('trainyard_runtime', name))];
}

function hashOf(directory: string, files: readonly string[]): string {
  const hash = createHash('sha256').update(environmentVersion);
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(directory, file)));
  return hash.digest('hex');
}
