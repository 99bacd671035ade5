import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type Extract, extract } from 'tar-stream';
import type { ArchiveEntry } from './archive.ts';

const types: Record<string, ArchiveEntry['type']> = { file: 'file', directory: 'folder' };

/** A .tar. */
export function readTar(file: string): AsyncGenerator<ArchiveEntry> {
  return entriesOf((entries) => pipeline(createReadStream(file), toNode(entries)));
}

/** A .tar.gz. */
export function readTarGz(file: string): AsyncGenerator<ArchiveEntry> {
  return entriesOf((entries) => pipeline(createReadStream(file), createGunzip(), toNode(entries)));
}

async function* entriesOf(feed: (entries: Extract) => Promise<void>): AsyncGenerator<ArchiveEntry> {
  const entries = extract();
  const fed = feed(entries).catch((error: unknown) => {
    entries.destroy(error as Error);
  });
  try {
    for await (const entry of entries) {
      const { name, type } = entry.header;
      yield { path: name, type: types[type] ?? 'other', open: async () => entry as AsyncIterable<Uint8Array> };
      // What nobody has read stands before the next one.
      entry.resume();
    }
  } finally {
    entries.destroy();
    await fed;
  }
}

/** The streams of tar-stream do all that Node asks of one; their types say less. */
function toNode(entries: Extract): NodeJS.WritableStream {
  return entries as unknown as NodeJS.WritableStream;
}
