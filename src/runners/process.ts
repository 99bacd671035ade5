import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError, TerminalError } from '../core/errors.ts';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt, FollowOptions, Runner, RunningAttempt } from '../core/runner.ts';
import { abandon, prepareAttemptFolder, readPid } from './attempt-folder.ts';
import { isWorkingFor, type Leader, markOf, processAgeMs, stopProcesses } from './attempt-processes.ts';
import { createReportReader } from './attempt-reports.ts';
import { hasResult, readResult } from './attempt-result.ts';
import { diskFull, freeBytesOf, leastFreeBytes, orDiskFull } from './disk-full.ts';
import { lastLogLine } from './last-log-line.ts';
import { stopStrays } from './stop-strays.ts';

const pollMs = 100;
/** What still runs when the result is there has nothing left to save. */
const leftoverGraceMs = 2000;

/** The command that does an attempt's work. Its arguments must hold the path of the attempt's folder. */
export interface Command {
  argv: readonly [string, ...string[]];
  /** The whole environment of the process, but for the attempt's mark: nothing of the server's own gets through. */
  env: Record<string, string>;
}

export interface ProcessRunnerOptions {
  name: string;
  store: ArtifactStore;
  /** May take long, such as when an environment is made first: reports what it does. */
  command: (attempt: Attempt, options: Pick<FollowOptions, 'onReport' | 'signal'>) => Promise<Command>;
  /** What may still be written to the disk of a folder; default: what the file system says. */
  freeBytes?: (folder: string) => Promise<number>;
}

/**
 * Runs each attempt as a process group of its own that outlives this process. The process writes its id
 * before it does anything else, so that a restarted server finds it.
 */
export function createProcessRunner({ name, store, command, freeBytes = freeBytesOf }: ProcessRunnerOptions): Runner {
  return {
    name,
    outlivesServer: true,

    async start(attempt, { onReport, signal: stop, detach }) {
      try {
        const signal = AbortSignal.any([stop, detach]);
        const { argv, env } = await command(attempt, { onReport, signal });
        await prepareAttemptFolder(attempt, store);
        signal.throwIfAborted();
        return runningAttempt(attempt, await launch(attempt.folder, argv, env), freeBytes);
      } catch (error) {
        throw orDiskFull(error);
      }
    },

    async find(attempt) {
      await abandon(attempt.folder);
      const pid = await readPid(attempt.folder);
      const work = foundWork(attempt.folder, pid);
      const running = runningAttempt(attempt, work, freeBytes);
      // In this order: one that ends in between has left its result.
      if (pid !== undefined && (await work.isAlive())) return { ...running, ageMs: processAgeMs(pid) };
      if (await hasResult(attempt.folder)) return { ...running, isOver: true, ageMs: await ranMs(attempt.folder) };
      await stopProcesses(attempt.folder, work, Math.min(attempt.limits.graceMs, leftoverGraceMs));
      return undefined;
    },

    stopStrays,
  };
}

const launchScript = 'echo $$ > "$0/pid" && [ ! -e "$0/abandoned" ] && exec "$@"';

interface Ending {
  code: number | null;
  signal: string | null;
}

/** The process of an attempt, as far as this process knows it. */
interface Work extends Leader {
  /** Aborts with the ending of a child; one that an earlier process started is looked for from time to time. */
  ended: AbortSignal;
}

async function launch(folder: string, argv: readonly string[], env: Record<string, string>): Promise<Work> {
  const log = openSync(join(folder, 'log.txt'), 'a');
  try {
    const child = spawn('/bin/sh', ['-c', launchScript, folder, ...argv], {
      cwd: folder,
      // First, so that it is found at once in a large environment, and last, so that nothing else is in its place.
      env: { ...markOf(folder), ...env, ...markOf(folder) },
      detached: true,
      stdio: ['ignore', log, log],
    });
    const work = childWork(child);
    await once(child, 'spawn');
    // The task is to go on when this process ends.
    child.unref();
    return work;
  } catch (cause) {
    throw new RetryableError('start_failed', `The task's process could not be started: ${String(cause)}`, { cause });
  } finally {
    closeSync(log);
  }
}

/** The shell becomes the task (`exec`), so its id is the task's. */
function childWork(child: ChildProcess): Work {
  const end = new AbortController();
  child.once('exit', (code, signal) => end.abort({ code, signal } satisfies Ending));
  return { pid: child.pid, isAlive: async () => !end.signal.aborted, ended: end.signal };
}

function foundWork(folder: string, pid: number | undefined): Work {
  return { pid, isAlive: () => isWorkingFor(folder, pid), ended: new AbortController().signal };
}

function runningAttempt(attempt: Attempt, work: Work, freeBytes: (folder: string) => Promise<number>): RunningAttempt {
  const { folder, limits } = attempt;
  return {
    async follow({ fromOffset, onReport, signal, detach }) {
      const reader = createReportReader(folder, fromOffset);
      const tell = async () => {
        for await (const report of reader.newReports()) await onReport(report);
      };
      try {
        const wake = AbortSignal.any([signal, detach, work.ended]);
        while (!signal.aborted && !detach.aborted && !(await isOver(folder, work))) {
          await tell();
          await sleep(pollMs, undefined, { signal: wake }).catch(() => undefined);
        }
      } finally {
        // However it ended, an attempt that is over for us must not go on by itself.
        const graceMs = signal.aborted ? limits.graceMs : Math.min(limits.graceMs, leftoverGraceMs);
        if (!detach.aborted) await stopProcesses(folder, work, graceMs);
      }
      detach.throwIfAborted();
      await tell();
      // What has been computed counts, though it was to be stopped.
      const result = await readResult(folder);
      if (result === undefined) signal.throwIfAborted();
      return result ?? fail(folder, work.ended.reason as Ending | undefined, freeBytes);
    },
  };
}

/** How long an attempt ran that has left a result, by the times of its first and its last file. */
async function ranMs(folder: string): Promise<number | undefined> {
  const timeOf = (name: string) => lstat(join(folder, name)).then(({ mtimeMs }) => mtimeMs);
  try {
    return Math.max(0, (await timeOf('result.json')) - (await timeOf('spec.json')));
  } catch {
    return undefined;
  }
}

/** `result.json` is written last, so its presence ends the attempt; so does the end of the process. */
async function isOver(folder: string, work: Work): Promise<boolean> {
  return (await hasResult(folder)) || !(await work.isAlive());
}

/** A task that was asked to stop, and saved its checkpoint first, says so with 128 and the signal's number. */
const stoppedCode = 143;

async function fail(
  folder: string,
  ended: Ending | undefined,
  freeBytes: (folder: string) => Promise<number>,
): Promise<never> {
  if (!existsSync(folder)) {
    throw new RetryableError('folder_gone', `The folder of the attempt, ${folder}, was removed while the task ran.`, {
      hint: 'Leave the folder of attempts alone while something runs.',
    });
  }
  if ((await freeBytes(folder)) < leastFreeBytes) throw diskFull('the task ended without a result.');
  const said = await lastLogLine(folder);
  const detail = said === '' ? '' : ` Its log ends: ${said}`;
  const signal = ended?.code === stoppedCode ? 'SIGTERM' : ended?.signal;
  if (ended?.code != null && signal == null) {
    throw new TerminalError('task_crashed', `The task ended with exit code ${ended.code} and no result.${detail}`, {
      hint: 'Its whole log says more.',
    });
  }
  const cause = signal ? `was killed by ${signal}` : 'ended without a result while nobody watched';
  throw new RetryableError('task_killed', `The task ${cause}.${detail}`, {
    hint: 'If the machine ran out of memory, a smaller batch_size or max_seq_length helps.',
  });
}
