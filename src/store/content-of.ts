import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const mostFiles = 10_000;

/**
 * Stands for the content behind a path or name, and changes with it. Of local files that is sizes and times of change,
 * since hashing a large model takes longer than a person waits; the second of them cannot be set back. What comes with
 * Trainyard changes with its version, and a model's name on a hub stands for its content. Undefined where content
 * cannot be told without asking: `huggingface:` data is fetched again, and what it then holds decides what follows.
 */
export function contentOf(name: string): string | undefined {
  if (name.startsWith('builtin:')) return name;
  if (name.startsWith('huggingface:')) return undefined;
  const path = resolve(name);
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) return name;
  if (!info.isDirectory()) return fingerprint(path);
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
  if (files.length > mostFiles) return undefined;
  const lines = files.sort().map((file) => `${file} ${fingerprint(join(path, file))}`);
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

function fingerprint(path: string): string {
  const { size, mtimeNs, ctimeNs, ino } = lstatSync(path, { bigint: true });
  return [size, mtimeNs, ctimeNs, ino].join('/');
}
