import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { diskFull, freeBytesOf, leastFreeBytes, orDiskFull } from '../core/disk-full.ts';
import { RetryableError } from '../core/errors.ts';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt, FollowOptions, Runner, RunningAttempt } from '../core/runner.ts';
import { abandon, prepareAttemptFolder, readPid } from './attempt-folder.ts';
import { followWork, leftoverGraceMs } from './attempt-following.ts';
import { isWorkingFor, type Leader, markOf, processAgeMs, stopProcesses } from './attempt-processes.ts';
import { hasResult, ranMs } from './attempt-result.ts';
import { crashed, folderGone, logEnd, stoppedCode } from './no-result.ts';
import { stopStrays } from './stop-strays.ts';

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
        await prepareAttemptFolder(attempt, store, { forProcess: true });
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
interface ProcessWork extends Leader {
  /** Aborts with the ending of a child; one that an earlier process started is looked for from time to time. */
  ended: AbortSignal;
}

async function launch(folder: string, argv: readonly string[], env: Record<string, string>): Promise<ProcessWork> {
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
function childWork(child: ChildProcess): ProcessWork {
  const end = new AbortController();
  child.once('exit', (code, signal) => end.abort({ code, signal } satisfies Ending));
  return { pid: child.pid, isAlive: async () => !end.signal.aborted, ended: end.signal };
}

function foundWork(folder: string, pid: number | undefined): ProcessWork {
  return { pid, isAlive: () => isWorkingFor(folder, pid), ended: new AbortController().signal };
}

function runningAttempt(
  attempt: Attempt,
  work: ProcessWork,
  freeBytes: (folder: string) => Promise<number>,
): RunningAttempt {
  const { folder } = attempt;
  return {
    follow: (options) =>
      followWork(
        attempt,
        {
          ended: work.ended,
          isAlive: work.isAlive,
          stop: (graceMs) => stopProcesses(folder, work, graceMs),
          failure: () => failureOf(folder, work.ended.reason as Ending | undefined, freeBytes),
        },
        options,
      ),
  };
}

async function failureOf(
  folder: string,
  ended: Ending | undefined,
  freeBytes: (folder: string) => Promise<number>,
): Promise<Error> {
  if (!existsSync(folder)) return folderGone(folder);
  if ((await freeBytes(folder)) < leastFreeBytes) return diskFull('the task ended without a result.');
  const said = await logEnd(folder);
  const signal = ended?.code === stoppedCode ? 'SIGTERM' : ended?.signal;
  if (ended?.code != null && signal == null) return crashed(ended.code, said);
  const cause = signal ? `was killed by ${signal}` : 'ended without a result while nobody watched';
  return new RetryableError('task_killed', `The task ${cause}.${said}`, {
    hint: 'If the machine ran out of memory, a smaller batch_size or max_seq_length helps.',
  });
}
