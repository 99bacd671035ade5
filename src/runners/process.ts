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
      const exit = launch(attempt.folder, argv, env);
      return runningAttempt(attempt, () => exit.ended);
    },

    async find(attempt) {
      if (await hasResult(attempt.folder)) return runningAttempt(attempt, () => undefined);
      await abandon(attempt.folder);
      const pid = await readPid(attempt.folder);
      if (pid === undefined || !(await isWorkingFor(attempt.folder, pid))) return undefined;
      return runningAttempt(attempt, () => undefined);
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

function launch(folder: string, argv: readonly string[], env: Record<string, string>): { ended: Ending | undefined } {
  const log = openSync(join(folder, 'log.txt'), 'a');
  try {
    const child = spawn('/bin/sh', ['-c', launchScript, folder, ...argv], {
      cwd: folder,
      env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    const exit: { ended: Ending | undefined } = { ended: undefined };
    child.once('exit', (code, signal) => {
      exit.ended = { code, signal };
    });
    child.once('error', () => {
      exit.ended = { code: 127, signal: null };
    });
    // The task is to go on when this process ends.
    child.unref();
    return exit;
  } finally {
    closeSync(log);
  }
}

function runningAttempt(attempt: Attempt, ending: () => Ending | undefined): RunningAttempt {
  return { follow: (options) => follow(attempt, ending, options) };
}

async function follow(
  attempt: Attempt,
  ending: () => Ending | undefined,
  { fromOffset, onReport, signal, detach }: FollowOptions,
): Promise<TaskResult> {
  const { folder } = attempt;
  let offset = fromOffset;
  const drain = async () => {
    for (let read = await readReports(folder, offset); read.offset > offset; read = await readReports(folder, offset)) {
      offset = read.offset;
      for (const report of read.reports) onReport(report);
    }
  };
  const either = AbortSignal.any([signal, detach]);
  while (!either.aborted) {
    const over = await isOver(folder, ending());
    await drain();
    if (over) return (await hasResult(folder)) ? readResult(folder) : fail(folder, ending());
    await sleep(pollMs, undefined, { signal: either }).catch(() => undefined);
  }
  detach.throwIfAborted();
  await stopGroup(folder, ending, attempt.limits.graceMs);
  await drain();
  throw signal.reason;
}

/** `result.json` is written last, so its presence ends the attempt; so does the end of the process. */
async function isOver(folder: string, ended: Ending | undefined): Promise<boolean> {
  if (ended !== undefined || (await hasResult(folder))) return true;
  const pid = await readPid(folder);
  return pid !== undefined && !(await isWorkingFor(folder, pid));
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

async function stopGroup(folder: string, ending: () => Ending | undefined, graceMs: number): Promise<void> {
  const pid = await readPid(folder);
  if (pid === undefined) return abandon(folder);
  const alive = async () => ending() === undefined && (await isWorkingFor(folder, pid));
  if (!(await alive())) return;
  signalGroup(pid, 'SIGTERM');
  for (const deadline = performance.now() + graceMs; performance.now() < deadline && (await alive()); ) {
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
