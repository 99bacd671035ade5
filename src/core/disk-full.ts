import { promises } from 'node:fs';
import { isDiskFull, RetryableError } from './errors.ts';

/** With less than this nothing of use can be written. */
export const leastFreeBytes = 2 ** 20;

export function diskFull(reason: string, cause?: unknown): RetryableError {
  const hint = 'Free some space; it goes on by itself.';
  return new RetryableError('disk_full', `The disk is full: ${reason}`, { hint, cause });
}

/** The error as it is, or as `disk_full` where a full disk is at its bottom. */
export function orDiskFull(error: unknown): unknown {
  if (!(error instanceof Error && isDiskFull(error))) return error;
  const isSaid = error instanceof RetryableError && error.code === 'disk_full';
  return isSaid ? error : diskFull(error.message, error);
}

/** Bytes that may still be written to the disk of a folder; 0 as well where it can hold no further file. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize, files, ffree } = await promises.statfs(folder);
  return files > 0 && ffree === 0 ? 0 : bavail * bsize;
}
