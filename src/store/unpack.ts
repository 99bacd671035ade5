import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { orDiskFull } from '../core/disk-full.ts';
import { isDiskFull, UserError } from '../core/errors.ts';
import type { ArchiveEntry, ReadArchive } from './archive.ts';
import { faultOfPart } from './file-names.ts';
import { readTar, readTarGz } from './tar-archive.ts';
import { readZip } from './zip-archive.ts';

export interface UnpackLimits {
  /** Files and folders, those between them counted. */
  mostEntries: number;
  mostBytes: number;
  /** How many times the archive's own size it may hold. */
  mostRatio: number;
}

export const usualLimits: UnpackLimits = { mostEntries: 10_000, mostBytes: 200 * 2 ** 30, mostRatio: 200 };

/** What is smaller fills no disk, whatever its ratio. */
const harmlessBytes = 2 ** 20;
const mostPathBytes = 1000;

const readers: readonly [ending: RegExp, read: ReadArchive][] = [
  [/\.zip$/i, readZip],
  [/\.tar$/i, readTar],
  [/\.(?:tar\.gz|tgz)$/i, readTarGz],
];

/** Whether a file of this name is an archive. */
export function isArchive(name: string): boolean {
  return readers.some(([ending]) => ending.test(name));
}

/**
 * Unpacks an archive as plain files and folders. Nothing is written elsewhere, and where it is refused nothing stays.
 * @param name tells what kind of archive it is
 * @param folder a new one is made there, in a folder that exists
 * @returns the folder that holds the files: the only folder at the top where there is nothing beside it
 * @throws UserError `wrong_archive` for what is damaged, or holds anything that could lead or grow out of the folder
 * @throws RetryableError `disk_full`
 */
export async function unpack(file: string, name: string, folder: string, limits = usualLimits): Promise<string> {
  const read = readers.find(([ending]) => ending.test(name))?.[1];
  if (read === undefined) throw refused('its name ends as that of no archive');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  try {
    const budget = new Budget((await stat(file)).size, limits);
    for await (const entry of read(file)) await take(entry, folder, budget);
    if (budget.files === 0) throw refused('it holds no file');
    return await topOf(folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw explain(error);
  }
}

async function take(entry: ArchiveEntry, folder: string, budget: Budget): Promise<void> {
  const parts = partsOf(entry);
  budget.place(parts, entry.type);
  const target = join(folder, ...parts);
  if (entry.type === 'folder') {
    await mkdir(target, { recursive: true });
    return;
  }
  await mkdir(dirname(target), { recursive: true });
  const write = createWriteStream(target, { flags: 'wx', mode: 0o600 });
  await pipeline(await entry.open(), (bytes: AsyncIterable<Uint8Array>) => budget.count(bytes), write);
}

/** The names of the folders that lead to an entry, and its own. */
function partsOf({ path, type }: ArchiveEntry): string[] {
  if (type === 'other') throw refused(`${shown(path)} is neither a file nor a folder, but a link or a device`);
  if (Buffer.byteLength(path) > mostPathBytes) throw refused(`the path ${shown(path)} is too long`);
  const plain = path.replace(/^\.\//, '').replace(/\/$/, '');
  // The folder itself, as `tar c .` has it.
  if (type === 'folder' && (plain === '' || plain === '.') && !path.startsWith('/')) return [];
  const parts = plain.split('/');
  for (const part of parts) {
    const fault = faultOfPart(part);
    if (fault !== undefined) throw refused(`in the path ${shown(path)} a name ${fault}`);
  }
  return parts;
}

/** What may still come out of an archive. */
class Budget {
  readonly #limits: UnpackLimits;
  readonly #packedBytes: number;
  /** How each path is spelled, and what lies there, by the path as systems read it that know no case. */
  readonly #places = new Map<string, { spelled: string; type: ArchiveEntry['type'] }>();
  #bytes = 0;
  files = 0;

  constructor(packedBytes: number, limits: UnpackLimits) {
    this.#packedBytes = packedBytes;
    this.#limits = limits;
  }

  /** An entry takes its place, and so do the folders on the way to it. */
  place(parts: readonly string[], type: ArchiveEntry['type']): void {
    if (type === 'file') this.files += 1;
    for (let length = 1; length <= parts.length; length += 1) {
      const spelled = parts.slice(0, length).join('/');
      const isLast = length === parts.length;
      this.#placeOne(spelled, isLast ? type : 'folder');
    }
    if (this.#places.size > this.#limits.mostEntries) {
      throw refused(`it holds more than ${this.#limits.mostEntries} files and folders`);
    }
  }

  #placeOne(spelled: string, type: ArchiveEntry['type']): void {
    const key = spelled.normalize('NFKC').toLowerCase();
    const there = this.#places.get(key);
    if (there === undefined) this.#places.set(key, { spelled, type });
    else if (there.spelled !== spelled || there.type !== 'folder' || type !== 'folder') {
      throw refused(`${shown(spelled)} and ${shown(there.spelled)} would take the same place`);
    }
  }

  /** Lets bytes pass as long as there are not too many in all. */
  async *count(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { mostBytes, mostRatio } = this.#limits;
    for await (const chunk of bytes) {
      this.#bytes += chunk.length;
      if (this.#bytes > mostBytes) throw refused(`it holds more than ${mostBytes} bytes`);
      if (this.#bytes > Math.max(harmlessBytes, this.#packedBytes * mostRatio)) {
        throw refused(`it holds more than ${mostRatio} times its own size`);
      }
      yield chunk;
    }
  }
}

async function topOf(folder: string): Promise<string> {
  const [first, second] = await readdir(folder, { withFileTypes: true });
  return second === undefined && first?.isDirectory() ? join(folder, first.name) : folder;
}

function refused(why: string, cause?: unknown): UserError {
  return new UserError('wrong_archive', `The archive was not unpacked: ${why}.`, {
    hint: 'Pack plain files and folders alone, and upload the new archive.',
    cause,
  });
}

function explain(error: unknown): unknown {
  if (error instanceof UserError) return error;
  if (isDiskFull(error)) return orDiskFull(error);
  // What the system says is about our own files; all else is about the archive.
  if (!(error instanceof Error) || 'syscall' in error) return error;
  return refused(`it is damaged (${error.message})`, error);
}

function shown(path: string): string {
  return JSON.stringify(path.length > 100 ? `${path.slice(0, 100)}…` : path);
}
