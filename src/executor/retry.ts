import type { TaskError } from '../core/errors.ts';

/** How the tries of a task run have ended so far. */
export interface Tries {
  /** By a fault of its own or of what it needs. */
  failed: number;
  /** With the server that ran it. */
  lost: number;
  /** For want of disk space. */
  stalled: number;
}

export const noTries: Tries = { failed: 0, lost: 0, stalled: 0 };

export const defaultMaxAttempts = 3;
/** A task that takes the server down each time must not do so for ever. */
const maxLosses = 20;
const longestDelayMs = 300_000;
/** No try is held back longer, random part included. */
export const longestBackoffMs = longestDelayMs * 1.5;
const firstDelayMs = 1000;
const firstStallMs = 10_000;

export function countTry(tries: Tries, { code }: TaskError): Tries {
  if (code === 'task_lost') return { ...tries, lost: tries.lost + 1 };
  if (code === 'disk_full') return { ...tries, stalled: tries.stalled + 1 };
  return { ...tries, failed: tries.failed + 1 };
}

/**
 * Milliseconds until the next try, or undefined when there is none. Only what may pass by itself is tried again, each
 * wait twice the last and up to half of it random. What was lost with the server starts at once and costs no try, and
 * a full disk is waited for as long as it takes.
 * @param tries those before this one.
 */
export function retryDelayMs(
  error: TaskError,
  tries: Tries,
  maxAttempts: number,
  random: () => number,
): number | undefined {
  if (error.kind !== 'retryable') return undefined;
  if (error.code === 'task_lost') return tries.lost < maxLosses ? 0 : undefined;
  if (error.code === 'disk_full') return doubled(firstStallMs, tries.stalled, random);
  return tries.failed + 1 < maxAttempts ? doubled(firstDelayMs, tries.failed, random) : undefined;
}

function doubled(firstMs: number, times: number, random: () => number): number {
  return Math.min(longestDelayMs, firstMs * 2 ** times) * (1 + random() / 2);
}
