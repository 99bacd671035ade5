import { Transform } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import type { ArchiveEntry } from './archive.ts';

const unixTypes = { mask: 0o170000, file: 0o100000, folder: 0o040000 };
const windowsLink = 0x400;

/** A .zip, as its central directory tells it. Encrypted ones are not read. */
export async function* readZip(file: string): AsyncGenerator<ArchiveEntry> {
  const zip = await openPromise(file, { autoClose: false, strictFileNames: true });
  try {
    for await (const entry of zip.eachEntry()) {
      yield { path: entry.fileName, type: typeOf(entry), open: () => openEntry(zip, entry) };
    }
  } finally {
    zip.close();
  }
}

function typeOf({ fileName, externalFileAttributes }: Entry): ArchiveEntry['type'] {
  const type = (externalFileAttributes >>> 16) & unixTypes.mask;
  const isPlain = type === 0 || type === unixTypes.file || type === unixTypes.folder;
  if (!isPlain || (externalFileAttributes & windowsLink) !== 0) return 'other';
  return fileName.endsWith('/') || type === unixTypes.folder ? 'folder' : 'file';
}

async function openEntry(zip: ZipFile, entry: Entry): Promise<AsyncIterable<Uint8Array>> {
  if (entry.isEncrypted()) throw new Error('it is encrypted');
  const stream = await zip.openReadStreamPromise(entry);
  const checked = stream.pipe(checkSum(entry));
  stream.on('error', (error) => checked.destroy(error));
  checked.on('close', () => stream.destroy());
  return checked;
}

/** Lets bytes pass and fails at their end where they are not those that were packed. */
function checkSum({ fileName, crc32: expected }: Entry): Transform {
  let sum = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sum = crc32(chunk, sum);
      done(null, chunk);
    },
    flush: (done) => done(sum === expected ? null : new Error(`${fileName} is damaged`)),
  });
}
