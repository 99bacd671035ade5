import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError, TerminalError } from '../core/errors.ts';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt, FollowOptions, Runner, RunningAttempt } from '../core/runner.ts';
import type { TaskResult } from '../core/task.ts';
import { hasResult, prepareAttemptFolder, readReports, readResult } from './attempt-folder.ts';

const pollMs = 100;

/** The command that does an attempt's work. Its arguments must hold the path of the attempt's folder. */
export interface Command {
  argv: readonly [string, ...string[]];
  /** The whole environment of the process: nothing of the server's own gets through by itself. */
  env: Record<string, string>;
}

export interface ProcessRunnerOptions {
  name: string;
  store: ArtifactStore;
  /** May take long, such as when an environment is made first: reports what it does. */
  command: (attempt: Attempt, options: Pick<FollowOptions, 'onReport' | 'signal'>) => Promise<Command>;
}

/**
 * Runs each attempt as a process group of its own that outlives this process. The process writes its id
 * before it does anything else, so that a restarted server finds it.
 */
export function createProcessRunner({ name, store, command }: ProcessRunnerOptions): Runner {
  return {
    name,

    async start(attempt, options) {
      const { argv, env } = await command(attempt, options);
      await prepareAttemptFolder(attempt, store);
      options.signal.throwIfAborted();
      return runningAttempt(attempt, launch(attempt.folder, argv, env));
    },

    async find(attempt) {
      await abandon(attempt.folder);
      const pid = await readPid(attempt.folder);
      const found = runningAttempt(attempt, { pid, isChild: false, ended: undefined });
      if (await hasResult(attempt.folder)) return found;
      return pid !== undefined && (await isWorkingFor(attempt.folder, pid)) ? found : undefined;
    },
  };
}

/**
 * A start that a dead server had under way must not come to life after this: the launched shell writes its
 * id first and then stops if it sees this mark, so either the mark is seen by it or its id by us.
 */
async function abandon(folder: string): Promise<void> {
  await writeFile(join(folder, 'abandoned'), '').catch(() => undefined);
}

const launchScript = 'echo $$ > "$0/pid.tmp" && mv "$0/pid.tmp" "$0/pid" && [ ! -e "$0/abandoned" ] && exec "$@"';

interface Ending {
  code: number | null;
  signal: string | null;
}

/** The process of an attempt, as far as this process knows it. */
interface Work {
  pid: number | undefined;
  /** Whether this process started it, and is told of its end; else it is looked for by its command line. */
  isChild: boolean;
  /** Set when a child has ended. */
  ended: Ending | undefined;
}

function launch(folder: string, argv: readonly string[], env: Record<string, string>): Work {
  const log = openSync(join(folder, 'log.txt'), 'a');
  try {
    const child = spawn('/bin/sh', ['-c', launchScript, folder, ...argv], {
      cwd: folder,
      env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    // The shell becomes the task (`exec`), so its id is the task's.
    const work: Work = { pid: child.pid, isChild: true, ended: undefined };
    child.once('exit', (code, signal) => {
      work.ended = { code, signal };
    });
    child.once('error', () => {
      work.ended = { code: 127, signal: null };
    });
    // The task is to go on when this process ends.
    child.unref();
    return work;
  } finally {
    closeSync(log);
  }
}

function runningAttempt(attempt: Attempt, work: Work): RunningAttempt {
  return {
    async follow(options) {
      try {
        return await follow(attempt, work, options);
      } finally {
        // However it ended, an attempt that is over for us must not go on by itself.
        if (!options.detach.aborted) await stopGroup(attempt.folder, work, attempt.limits.graceMs);
      }
    },
  };
}

async function follow(
  { folder, limits }: Attempt,
  work: Work,
  { fromOffset, onReport, signal, detach }: FollowOptions,
): Promise<TaskResult> {
  let offset = fromOffset;
  const drain = async () => {
    for (let read = await readReports(folder, offset); read.offset > offset; read = await readReports(folder, offset)) {
      offset = read.offset;
      for (const report of read.reports) onReport(report);
    }
  };
  const either = AbortSignal.any([signal, detach]);
  while (!either.aborted) {
    const over = await isOver(folder, work);
    await drain();
    if (over) return (await hasResult(folder)) ? readResult(folder) : fail(folder, work.ended);
    await sleep(pollMs, undefined, { signal: either }).catch(() => undefined);
  }
  detach.throwIfAborted();
  await stopGroup(folder, work, limits.graceMs);
  await drain();
  throw signal.reason;
}

/** `result.json` is written last, so its presence ends the attempt; so does the end of the process. */
async function isOver(folder: string, work: Work): Promise<boolean> {
  return (await hasResult(folder)) || !(await isAlive(folder, work));
}

async function isAlive(folder: string, { pid, isChild, ended }: Work): Promise<boolean> {
  if (isChild) return ended === undefined;
  return pid !== undefined && isWorkingFor(folder, pid);
}

async function fail(folder: string, ended: Ending | undefined): Promise<never> {
  const said = await lastLogLine(folder);
  const detail = said === '' ? '' : ` Its log ends: ${said}`;
  if (ended?.code !== undefined && ended.code !== null) {
    throw new TerminalError('task_crashed', `The task ended with exit code ${ended.code} and no result.${detail}`, {
      hint: 'Its whole log says more.',
    });
  }
  const cause = ended?.signal ? `was killed by ${ended.signal}` : 'ended without a result while nobody watched';
  throw new RetryableError('task_killed', `The task ${cause}.${detail}`, {
    hint: 'If the machine ran out of memory, a smaller batch_size or max_seq_length helps.',
  });
}

async function stopGroup(folder: string, work: Work, graceMs: number): Promise<void> {
  const { pid } = work;
  if (pid === undefined || !(await isAlive(folder, work))) return;
  signalGroup(pid, 'SIGTERM');
  for (const deadline = performance.now() + graceMs; performance.now() < deadline && (await isAlive(folder, work)); ) {
    await sleep(pollMs);
  }
  // What is left of the group, children that outlived their parent too.
  signalGroup(pid, 'SIGKILL');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function readPid(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/** Process ids are used again: only one with the attempt's folder in its command line works for it. */
async function isWorkingFor(folder: string, pid: number): Promise<boolean> {
  return (await commandLine(pid)).includes(folder);
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const ps = spawn('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks = await ps.stdout.setEncoding('utf8').toArray();
  return chunks.join('');
}

const lastLogBytes = 4096;

async function lastLogLine(folder: string): Promise<string> {
  const file = await open(join(folder, 'log.txt')).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(lastLogBytes),
      0,
      lastLogBytes,
      Math.max(0, size - lastLogBytes),
    );
    return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').at(-1)?.slice(0, 500) ?? '';
  } finally {
    await file.close();
  }
}
