import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from './core/task.ts';

/**
 * What the code of a task is at: a hash of the Python package and its lock file for what that does, Trainyard's own
 * version for the rest. A result of other code is never taken for one of this code.
 */
export function createVersions(runtimeDirectory: string, version: string): (task: Task) => string {
  let ofRuntime: string | undefined;
  return ({ work }) => {
    if (work.where !== 'python') return version;
    ofRuntime ??= hashRuntime(runtimeDirectory);
    return ofRuntime;
  };
}

function hashRuntime(directory: string): string {
  const code = readdirSync(join(directory, 'trainyard_runtime'), { recursive: true, encoding: 'utf8' });
  const files = code.filter((file) => /\.(?:py|json|jsonl|safetensors)$/.test(file)).sort();
  const hash = createHash('sha256');
  for (const file of ['requirements.lock', ...files.map((name) => join('trainyard_runtime', name))]) {
    hash.update(`${file}\n`).update(readFileSync(join(directory, file)));
  }
  return hash.digest('hex');
}
