import type { TaskError } from '../core/errors.ts';

const maxAttempts = 3;
const firstDelayMs = 1000;

/**
 * Milliseconds until the next try, or undefined when there is none: only what may pass by itself is tried
 * again, at most three times, each wait twice the last and up to half of it random.
 */
export function retryDelayMs(error: TaskError, attempts: number, random: () => number): number | undefined {
  if (error.kind !== 'retryable' || attempts >= maxAttempts) return undefined;
  const delayMs = firstDelayMs * 2 ** (attempts - 1);
  return delayMs * (1 + random() / 2);
}
