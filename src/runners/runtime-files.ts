import { createHash, type Hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the work of Python tasks is made of, below `tasks/runtime`: the lock of its packages and its own code. */
export function runtimeFiles(directory: string): string[] {
  const code = readdirSync(join(directory, 'trainyard_runtime'), { recursive: true, encoding: 'utf8' });
  const files = code.filter((file) => /\.(?:py|json|jsonl|safetensors)$/.test(file)).sort();
  return ['requirements.lock', ...files.map((name) => join('trainyard_runtime', name))];
}

/** A hash of what was put in before, of these files' names and of what they hold. */
export function hashFiles(hash: Hash, directory: string, files: readonly string[]): string {
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(directory, file)));
  return hash.digest('hex');
}

export function hashOf(...parts: readonly string[]): Hash {
  return createHash('sha256').update(JSON.stringify(parts));
}
