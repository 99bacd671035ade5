import { setTimeout as sleep } from 'node:timers/promises';
import { toTaskError } from '../core/errors.ts';
import { formatSeconds } from '../core/format.ts';

/** How one thing is: fine, worth knowing, or so that Trainyard will not work. */
export interface Finding {
  check: string;
  state: 'fine' | 'warning' | 'failing';
  found: string;
  /** What to do about it. */
  advice?: string;
}

export interface Check {
  name: string;
  /** What it throws, and that it does not come to an end, is a failure of what it looks at. */
  look: () => Promise<Finding | readonly Finding[]>;
}

export const fine = (check: string, found: string): Finding => ({ check, state: 'fine', found });
export const warning = (check: string, found: string, advice: string): Finding => ({
  check,
  state: 'warning',
  found,
  advice,
});
export const failing = (check: string, found: string, advice?: string): Finding => ({
  check,
  state: 'failing',
  found,
  ...(advice !== undefined && { advice }),
});

export function failingBy(check: string, error: unknown): Finding {
  const { message, hint } = toTaskError(error);
  return failing(check, message, hint);
}

/** Looks at everything at once; what is found comes in the order of the checks. Never rejects. */
export async function findAll(checks: readonly Check[], limitMs: number): Promise<Finding[]> {
  return (await Promise.all(checks.map((check) => findInTime(check, limitMs)))).flat();
}

async function findInTime({ name, look }: Check, limitMs: number): Promise<Finding | readonly Finding[]> {
  const end = new AbortController();
  const noAnswer = failing(name, `Nothing came back within ${formatSeconds(limitMs / 1000)}.`);
  try {
    return await Promise.race([look(), sleep(limitMs, noAnswer, { signal: end.signal })]);
  } catch (error) {
    return failingBy(name, error);
  } finally {
    end.abort();
  }
}
