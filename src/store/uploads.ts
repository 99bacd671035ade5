import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFull, freeBytesOf, leastFreeBytes, orDiskFull } from '../core/disk-full.ts';
import { UserError } from '../core/errors.ts';
import type { ArtifactStore, Resource } from '../core/resource.ts';
import type { UploadRequest, UploadState, Uploads } from '../core/upload.ts';
import { checkUploadName } from './file-names.ts';
import { receive } from './receive.ts';
import { isArchive, type UnpackLimits, unpack } from './unpack.ts';
import { hashUpTo, type OpenUpload, type UploadRecord, uploadFolder } from './upload-folder.ts';

export interface UploadsOptions {
  directory: string;
  store: ArtifactStore;
  /** Of one upload; default: 200 GiB. */
  mostBytes?: number;
  unpackLimits?: UnpackLimits;
  /** Bytes that the disk of a folder still takes. */
  freeBytes?: (folder: string) => Promise<number>;
}

const usualMostBytes = 200 * 2 ** 30;
const idPattern = /^upload_[0-9a-f]{24}$/;

/** Uploads in a folder of the home, a folder each. */
export function createUploads(options: UploadsOptions): Uploads {
  const { directory, store, mostBytes = usualMostBytes, unpackLimits, freeBytes = freeBytesOf } = options;
  const opened = new Map<string, OpenUpload>();

  async function find(userId: string, uploadId: string): Promise<OpenUpload> {
    const upload = opened.get(uploadId) ?? (idPattern.test(uploadId) ? await read(uploadId) : undefined);
    if (upload?.record.user_id === userId) return upload;
    throw new UserError('unknown_upload', 'There is no such upload, or it was given up.', {
      hint: 'Begin it again.',
    });
  }

  async function read(uploadId: string): Promise<OpenUpload | undefined> {
    const folder = uploadFolder(join(directory, uploadId));
    const record = await folder.read();
    if (record === undefined) return undefined;
    const upload = opened.get(uploadId) ?? { record, folder, offset: await folder.safeBytes() };
    opened.set(uploadId, upload);
    return upload;
  }

  async function finishWhole(upload: OpenUpload): Promise<Resource> {
    const { record, folder } = upload;
    const sha256 = await checkWhole(upload);
    if (!isArchive(record.name)) {
      await seal(upload);
      const path = await alone(upload);
      return store.keep({ kind: 'upload', path, metadata: {} }, new Map([[record.name, sha256]]));
    }
    const path = await unpack(folder.content, record.name, folder.unpacked, unpackLimits);
    await seal(upload);
    return store.keep({ kind: 'upload', path, metadata: {} });
  }

  return {
    async begin(userId, request) {
      checkRequest(request, mostBytes);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const { name, bytes, sha256 } = request;
      if ((bytes ?? 0) + leastFreeBytes > (await freeBytes(directory))) {
        throw diskFull(`${name} has ${bytes ?? 0} bytes, which do not fit.`);
      }
      const upload_id = `upload_${randomBytes(12).toString('hex')}`;
      const record: UploadRecord = {
        upload_id,
        user_id: userId,
        name,
        ...(bytes !== undefined && { bytes }),
        ...(sha256 !== undefined && { sha256: sha256.toLowerCase() }),
      };
      const folder = uploadFolder(join(directory, upload_id));
      await folder.make(record).catch(fail);
      const upload = { record, folder, offset: 0, hash: createHash('sha256') };
      opened.set(upload_id, upload);
      return stateOf(upload);
    },

    async append(userId, uploadId, offset, piece) {
      const upload = await find(userId, uploadId);
      return alternately(upload, async (signal) => {
        refuseChange(upload);
        if (offset !== upload.offset) throw wrongOffset(upload, offset);
        const room = () => freeBytes(directory);
        await receive(upload, piece, { signal, mostBytes: upload.record.bytes ?? mostBytes, room }).catch(fail);
        return stateOf(upload);
      });
    },

    state: async (userId, uploadId) => stateOf(await find(userId, uploadId)),

    async finish(userId, uploadId) {
      const upload = await find(userId, uploadId);
      return alternately(upload, async () => {
        if (upload.record.resource_id !== undefined) return { state: stateOf(upload) };
        const resource = await finishWhole(upload).catch(fail);
        return { state: stateOf(upload), resource };
      });
    },

    async settle(userId, uploadId, resourceId) {
      const upload = await find(userId, uploadId);
      await alternately(upload, async () => {
        upload.record = { ...upload.record, resource_id: resourceId };
        await upload.folder.write(upload.record);
        await upload.folder.removeContent();
        opened.delete(uploadId);
      });
    },

    async abandon(userId, uploadId) {
      const upload = await find(userId, uploadId);
      await alternately(upload, async () => {
        await upload.folder.remove();
        opened.delete(uploadId);
      });
    },

    async removeForgotten(olderThanMs) {
      const ids = (await readdir(directory).catch(() => [])).filter((name) => idPattern.test(name));
      let removed = 0;
      for (const id of ids) {
        const folder = uploadFolder(join(directory, id));
        if (opened.get(id)?.work !== undefined || Date.now() - (await folder.touchedMs()) < olderThanMs) continue;
        opened.delete(id);
        await folder.remove();
        removed += 1;
      }
      return removed;
    },
  };
}

/**
 * One thing at a time is done with an upload, and what comes later goes before: a connection that nobody knows to be
 * broken would else keep out the one that goes on.
 */
async function alternately<T>(upload: OpenUpload, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const before = upload.work;
  const stop = new AbortController();
  const taken = new UserError('upload_taken_over', 'Another request went on with this upload.');
  before?.stop.abort(taken);
  const done = (async () => {
    await before?.done.catch(() => undefined);
    stop.signal.throwIfAborted();
    return act(stop.signal);
  })();
  const work = { stop, done };
  upload.work = work;
  try {
    return await done;
  } finally {
    if (upload.work === work) delete upload.work;
  }
}

/** From now on its bytes are the store's as well. */
async function seal(upload: OpenUpload): Promise<void> {
  upload.record = { ...upload.record, is_whole: true };
  await upload.folder.write(upload.record);
}

/** A folder with nothing in it but the file by its own name. */
async function alone({ record, folder }: OpenUpload): Promise<string> {
  await rm(folder.unpacked, { recursive: true, force: true });
  await mkdir(folder.unpacked);
  await link(folder.content, join(folder.unpacked, record.name));
  return folder.unpacked;
}

/** The hash of what is there, which must be what was announced. */
async function checkWhole(upload: OpenUpload): Promise<string> {
  const { record, offset, folder } = upload;
  if (record.bytes !== undefined && offset !== record.bytes) {
    throw new UserError('upload_incomplete', `Of ${record.bytes} bytes ${offset} have arrived.`, {
      hint: `Go on at offset ${offset}.`,
    });
  }
  upload.hash ??= await hashUpTo(folder, offset);
  const sha256 = upload.hash.copy().digest('hex');
  if (record.sha256 === undefined || record.sha256 === sha256) return sha256;
  throw new UserError(
    'hash_mismatch',
    `${record.name} has the SHA-256 ${sha256}, and ${record.sha256} was announced.`,
    {
      hint: 'It was changed on its way or on the disk: abandon this upload and begin it again.',
    },
  );
}

function stateOf({ record, offset }: OpenUpload): UploadState {
  const { upload_id, name, bytes, sha256, resource_id } = record;
  return {
    upload_id,
    name,
    offset: resource_id === undefined ? offset : (bytes ?? offset),
    ...(bytes !== undefined && { bytes }),
    ...(sha256 !== undefined && { sha256 }),
    ...(resource_id !== undefined && { resource_id }),
  };
}

function checkRequest({ name, bytes, sha256 }: UploadRequest, mostBytes: number): void {
  checkUploadName(name);
  if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)) {
    throw new UserError('wrong_input', `A file cannot have ${bytes} bytes.`);
  }
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new UserError('wrong_input', 'A SHA-256 has 64 hexadecimal digits.');
  }
  if ((bytes ?? 0) <= mostBytes) return;
  throw new UserError('upload_too_large', `${name} has ${bytes} bytes; at most ${mostBytes} are taken.`);
}

function refuseChange({ record: { is_whole, resource_id } }: OpenUpload): void {
  if (is_whole !== true && resource_id === undefined) return;
  const what = resource_id === undefined ? '' : ` It is ${resource_id}.`;
  throw new UserError('upload_finished', `This upload is finished: nothing can be added to it.${what}`);
}

function wrongOffset({ offset }: OpenUpload, given: number): UserError {
  return new UserError('wrong_offset', `${offset} bytes have arrived; the piece begins at ${given}.`, {
    hint: `Go on at offset ${offset}.`,
  });
}

function fail(error: unknown): never {
  throw orDiskFull(error);
}
