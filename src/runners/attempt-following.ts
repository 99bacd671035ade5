import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempt, FollowOptions } from '../core/runner.ts';
import type { TaskResult } from '../core/task.ts';
import { boundLog } from './attempt-log.ts';
import { createReportReader } from './attempt-reports.ts';
import { hasResult, readResult } from './attempt-result.ts';

/** A task's first words are waited for; from its second second on nobody notices a tenth of one. */
const shortestPauseMs = 10;
const longestPauseMs = 100;
/** What still runs when the result is there has nothing left to save. */
export const leftoverGraceMs = 2000;

/** What works for an attempt, as far as its runner knows it. */
export interface Work {
  /** Aborts when the work is over, where that is told; otherwise it is looked for from time to time. */
  ended: AbortSignal;
  isAlive(): Promise<boolean>;
  /** Asks it to end, and ends it after the grace period. Nothing of it is left when this resolves. */
  stop(graceMs: number): Promise<void>;
  /** Why it ended without a result. */
  failure(): Promise<Error>;
}

/**
 * Follows work to its end, with all that its attempt's folder tells on the way. `result.json` is written last, so its
 * presence ends the attempt; so does the end of the work.
 */
export async function followWork(
  { folder, limits }: Attempt,
  work: Work,
  { fromOffset, onReport, signal, detach }: FollowOptions,
): Promise<TaskResult> {
  const reader = createReportReader(folder, fromOffset);
  const tell = async () => {
    for await (const report of reader.newReports()) await onReport(report);
  };
  const isOver = async () => (await hasResult(folder)) || !(await work.isAlive());
  try {
    let pauseMs = shortestPauseMs;
    const wake = AbortSignal.any([signal, detach, work.ended]);
    while (!signal.aborted && !detach.aborted && !(await isOver())) {
      await tell();
      await boundLog(folder);
      await sleep(pauseMs, undefined, { signal: wake }).catch(() => undefined);
      pauseMs = Math.min(longestPauseMs, 1.1 * pauseMs);
    }
  } finally {
    // However it ended, an attempt that is over for us must not go on by itself.
    const graceMs = signal.aborted ? limits.graceMs : Math.min(limits.graceMs, leftoverGraceMs);
    if (!detach.aborted) await work.stop(graceMs);
  }
  detach.throwIfAborted();
  await tell();
  await boundLog(folder);
  // What has been computed counts, though it was to be stopped.
  const result = await readResult(folder);
  if (result !== undefined) return result;
  signal.throwIfAborted();
  throw await work.failure();
}
