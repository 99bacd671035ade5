import { createHash, type Hash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const recordSchema = z.object({
  upload_id: z.string(),
  user_id: z.string(),
  name: z.string(),
  bytes: z.number().optional(),
  sha256: z.string().optional(),
  /** Its bytes are being kept by the store, which may share them with it: they must not change any more. */
  is_whole: z.boolean().optional(),
  resource_id: z.string().optional(),
});
export type UploadRecord = z.infer<typeof recordSchema>;

/** The folder of an upload: `upload.json`, `content` and, as a number, how much of it is `safe` on the disk. */
export function uploadFolder(folder: string) {
  const record = join(folder, 'upload.json');
  const content = join(folder, 'content');
  const safe = join(folder, 'safe');

  async function replace(path: string, text: string): Promise<void> {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  }

  return {
    content,
    unpacked: join(folder, 'unpacked'),

    async make(what: UploadRecord): Promise<void> {
      await mkdir(folder, { recursive: true });
      await writeFile(content, '', { flag: 'a' });
      await replace(record, JSON.stringify(what));
    },

    write: (what: UploadRecord) => replace(record, JSON.stringify(what)),

    async read(): Promise<UploadRecord | undefined> {
      const text = await readFile(record, 'utf8').catch(() => undefined);
      return text === undefined ? undefined : recordSchema.parse(JSON.parse(text));
    },

    markSafe: (bytes: number) => replace(safe, String(bytes)),

    /** What a crash may have left beyond that does not count: of it nobody knows whether it reached the disk. */
    async safeBytes(): Promise<number> {
      const marked = Number(await readFile(safe, 'utf8').catch(() => 0));
      return Math.min(marked, (await sizeOf(content)) ?? 0);
    },

    openContent: () => open(content, 'r+'),
    readContent: (bytes: number) => (bytes === 0 ? [] : createReadStream(content, { end: bytes - 1 })),

    /** What is left then is what it became. */
    async removeContent(): Promise<void> {
      for (const name of await readdir(folder)) {
        if (name !== 'upload.json') await rm(join(folder, name), { recursive: true, force: true });
      }
    },

    remove: () => rm(folder, { recursive: true, force: true }),

    /** When anything was last done with it, in ms since 1970. */
    async touchedMs(): Promise<number> {
      const infos = await Promise.all([folder, record, safe].map((path) => stat(path).catch(() => undefined)));
      return Math.max(...infos.flatMap((info: Stats | undefined) => info?.mtimeMs ?? 0));
    },
  };
}

type UploadFolder = ReturnType<typeof uploadFolder>;

/** An upload that something has been done with since this process started. */
export interface OpenUpload {
  record: UploadRecord;
  folder: UploadFolder;
  /** Bytes that are safe on the disk. */
  offset: number;
  /** Of the bytes before `offset`; absent where they have not been read by this process. */
  hash?: Hash;
  /** What is being done with it; one thing at a time. */
  work?: { stop: AbortController; done: Promise<unknown> };
}

/** What an earlier process has received is read again. */
export async function hashUpTo(folder: UploadFolder, bytes: number): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const piece of folder.readContent(bytes)) hash.update(piece);
  return hash;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
