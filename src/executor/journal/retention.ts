import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal, Retention } from './journal.ts';

export interface RetentionOptions {
  journal: Journal;
  /** Days that a pipeline is kept after its end; undefined: for ever. */
  keepDays: number | undefined;
  /** Removes the folder of an attempt. */
  removeAttempt: (attemptId: string) => Promise<void>;
  onBug: (error: unknown) => void;
}

const dayMs = 24 * 3600 * 1000;
const thinAfterMs = 3600 * 1000;
const progressKept = 1000;
const everyMs = 3600 * 1000;

/**
 * Keeps the journal from growing without end: an hour after a pipeline is over, the progress of each of its task runs
 * is thinned to a thousand frames; after `keepDays` the pipeline is forgotten with its logs, while artifacts stay.
 * Looks at once and then each hour, and never holds the journal for more than one pipeline at a time.
 * @returns what ends it
 */
export function startRetention({ journal, keepDays, removeAttempt, onBug }: RetentionOptions): () => Promise<void> {
  const stop = new AbortController();

  async function look(): Promise<void> {
    const rule: Retention = {
      progressKept,
      thinBeforeMs: Date.now() - thinAfterMs,
      forgetBeforeMs: keepDays === undefined ? undefined : Date.now() - keepDays * dayMs,
    };
    for (let done = journal.compactNext(rule); done !== undefined; done = journal.compactNext(rule)) {
      for (const attemptId of done.attemptIds) await removeAttempt(attemptId);
      await new Promise(setImmediate);
      if (stop.signal.aborted) return;
    }
  }

  async function lookEachHour(): Promise<void> {
    while (!stop.signal.aborted) {
      await look().catch(onBug);
      await sleep(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
    }
  }

  const looking = lookEachHour();
  return () => {
    stop.abort();
    return looking;
  };
}
