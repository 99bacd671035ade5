import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isHubName, isUploadId, pathOf } from '../core/content-name.ts';

/** A data set or a model has fewer; to look at more takes longer than a person waits. */
const mostFiles = 2000;

/**
 * Stands for the content behind a path or name, and changes with it. Of local files that is sizes and times of change,
 * since hashing a large model takes longer than a person waits; the second of them cannot be set back. What is
 * uploaded is named by its content, what comes with Trainyard changes with its version, and a model's name on a hub stands for its content. Undefined where content
 * cannot be told: `huggingface:` data is fetched again, and what it then holds decides what follows; a path that leads
 * nowhere, to links or to very many files is taken as new each time.
 */
export function contentOf(name: string): string | undefined {
  if (name.startsWith('builtin:') || isUploadId(name)) return name;
  if (name.startsWith('huggingface:')) return undefined;
  try {
    return contentAt(pathOf(name));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isMissing && isHubName(name) ? name : undefined;
  }
}

function contentAt(path: string): string | undefined {
  if (!statSync(path).isDirectory()) return fingerprint(path);
  const lines: string[] = [];
  if (!describeFolder(path, '', lines)) return undefined;
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

/** Adds a line a file; returns false where there are too many of them, or links to folders, which could lead round. */
function describeFolder(root: string, below: string, lines: string[]): boolean {
  const entries = readdirSync(join(root, below), { withFileTypes: true });
  if (lines.length + entries.length > mostFiles) return false;
  for (const { name } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(root, below, name);
    const info = statSync(path);
    if (info.isDirectory()) {
      if (lstatSync(path).isSymbolicLink() || !describeFolder(root, join(below, name), lines)) return false;
    } else {
      lines.push(`${join(below, name)} ${fingerprint(path)}`);
    }
  }
  return true;
}

/** Of what a link leads to, and of where it leads. */
function fingerprint(path: string): string {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true });
  const target = lstatSync(path).isSymbolicLink() ? readlinkSync(path) : '';
  return [size, mtimeNs, ctimeNs, ino, target].join('/');
}
