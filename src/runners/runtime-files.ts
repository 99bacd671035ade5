import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What the work of Python tasks is made of, below `tasks/runtime`: the lock of its packages and its own code. */
export function runtimeFiles(directory: string): string[] {
  const code = readdirSync(join(directory, 'trainyard_runtime'), { recursive: true, encoding: 'utf8' });
  const files = code.filter((file) => /\.(?:py|json|jsonl|safetensors)$/.test(file)).sort();
  return ['requirements.lock', ...files.map((name) => join('trainyard_runtime', name))];
}

const lookAgainMs = 5000;

/**
 * A hash of what the files of a folder are called and hold, and of a text: as they are now, give or take five seconds.
 * They are read again only where one of them has changed.
 */
export function createFolderHash(directory: string, text: string, listFiles: () => string[]): () => string {
  let known = { times: '', hash: '', lookedAt: Number.NEGATIVE_INFINITY };
  return () => {
    if (performance.now() - known.lookedAt < lookAgainMs) return known.hash;
    const files = listFiles();
    const times = files.map((file) => statSync(join(directory, file)).mtimeMs).join(' ');
    const hash = times === known.times ? known.hash : hashFiles(directory, text, files);
    known = { times, hash, lookedAt: performance.now() };
    return hash;
  };
}

function hashFiles(directory: string, text: string, files: readonly string[]): string {
  const hash = createHash('sha256').update(text);
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(directory, file)));
  return hash.digest('hex');
}
