import type { FileHandle } from 'node:fs/promises';
import { diskFull, leastFreeBytes } from '../core/disk-full.ts';
import { UserError } from '../core/errors.ts';
import { hashUpTo, type OpenUpload } from './upload-folder.ts';

interface ReceiveOptions {
  signal: AbortSignal;
  mostBytes: number;
  /** Bytes that the disk still takes. */
  room: () => Promise<number>;
}

/** So much a crash may cost at most: what came since then has to be sent again. */
const syncEveryBytes = 32 * 2 ** 20;

/**
 * Writes a piece behind what is there, as quickly as the disk takes it and no quicker: one chunk of it is in memory.
 * However it ends, `upload.offset` is then what is safe on the disk, and all that came counts.
 * @throws UserError `upload_too_large`, `upload_broken_off`, or what the signal was aborted with
 */
export async function receive(upload: OpenUpload, piece: AsyncIterable<Uint8Array>, options: ReceiveOptions) {
  const { signal, mostBytes, room } = options;
  upload.hash ??= await hashUpTo(upload.folder, upload.offset);
  const file = await upload.folder.openContent();
  let end = upload.offset;

  async function makeSafe(): Promise<void> {
    if (end === upload.offset) return;
    await file.datasync();
    await upload.folder.markSafe(end);
    upload.offset = end;
  }

  try {
    // What a crash has left beyond what is safe.
    await file.truncate(end);
    for await (const chunk of until(signal, piece)) {
      if (end + chunk.length > mostBytes) throw tooLarge(upload, mostBytes);
      await writeAll(file, chunk, end);
      upload.hash.update(chunk);
      end += chunk.length;
      if (end - upload.offset < syncEveryBytes) continue;
      await makeSafe();
      if ((await room()) < leastFreeBytes) throw diskFull(`${end} bytes of ${upload.record.name} have arrived.`);
    }
  } finally {
    try {
      await file.truncate(end);
      await makeSafe();
    } finally {
      if (upload.offset !== end) delete upload.hash;
      await file.close();
    }
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}

/** The chunks until the signal is aborted, even while none comes. */
async function* until(signal: AbortSignal, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  let giveUp: (reason: unknown) => void = () => {};
  // Each chunk is waited for on its own: a promise that all are raced against would hold every one of them.
  const next = () =>
    new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
      giveUp = reject;
      iterator.next().then(resolve, (error) => reject(brokenOff(error)));
    });
  const onAbort = () => giveUp(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  let isOver = false;
  try {
    while (!isOver) {
      signal.throwIfAborted();
      const { done = false, value } = await next();
      isOver = done;
      if (!done) yield value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not waited for: one that stands still would never come back.
    if (!isOver) Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function tooLarge({ record: { name, bytes } }: OpenUpload, mostBytes: number): UserError {
  const what = bytes === undefined ? `At most ${mostBytes} bytes are taken` : `${bytes} bytes were announced`;
  return new UserError('upload_too_large', `${what}, and more of ${name} came.`);
}

/** The sender is gone, or what stands between. */
function brokenOff(cause: unknown): UserError {
  if (cause instanceof UserError) return cause;
  return new UserError('upload_broken_off', 'The upload broke off; what has come is kept.', {
    hint: 'Ask for its state, and go on at the offset that it tells.',
    cause,
  });
}
