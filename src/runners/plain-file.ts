import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Where a plain file belongs lies something that is not read: a link, a FIFO, a device, a folder, a locked file. */
export class NotPlainFile extends Error {}

// A link is not followed, and a FIFO that nobody writes to does not keep us waiting.
const safely = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const flags = {
  read: constants.O_RDONLY | safely,
  'read and append': constants.O_RDWR | constants.O_APPEND | safely,
};
const refusals: readonly unknown[] = ['ELOOP', 'ENXIO', 'EACCES', 'EPERM', 'EISDIR'];

/**
 * Opens what a task may have left; undefined where nothing lies.
 * @throws NotPlainFile for anything but a plain file.
 */
export async function openPlainFile(path: string, to: keyof typeof flags = 'read'): Promise<FileHandle | undefined> {
  const file = await open(path, flags[to]).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw refusals.includes(cause.code) ? new NotPlainFile(`${path} is not a plain file.`, { cause }) : cause;
  });
  if (file === undefined || (await file.stat()).isFile()) return file;
  await file.close();
  throw new NotPlainFile(`${path} is not a plain file.`);
}
