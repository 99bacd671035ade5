import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const markName = 'TRAINYARD_ATTEMPT';

/** The mark that every process of an attempt carries in its environment and hands on to its children. */
export function markOf(folder: string): Record<string, string> {
  return { [markName]: folder };
}

/** The process that an attempt began with, and leads a process group. */
export interface Leader {
  pid: number | undefined;
  isAlive(): Promise<boolean>;
}

/** How long to wait for what was killed: a process that hangs in the kernel goes as soon as it wakes. */
const killMs = 5000;
const longestPauseMs = 100;

/**
 * Stops all that works for an attempt, what outlived the leader or left its group too: SIGTERM, the grace period,
 * SIGKILL. Nothing of it is left afterwards. On Linux alone the mark finds it; elsewhere it is the leader's group.
 */
export async function stopProcesses(folder: string, leader: Leader, graceMs: number): Promise<void> {
  const seen = new Map<number, string>();
  if (!(await signalAll(folder, leader, seen, 'SIGTERM'))) return;
  if (await within(graceMs, async () => !(await signalAll(folder, leader, seen, 0)))) return;
  await within(killMs, async () => !(await signalAll(folder, leader, seen, 'SIGKILL')));
}

/**
 * Whether there was anything to signal.
 * @param seen process ids with their start: a process loses its mark a while before it is gone.
 */
async function signalAll(
  folder: string,
  leader: Leader,
  seen: Map<number, string>,
  signal: NodeJS.Signals | 0,
): Promise<boolean> {
  const group = (await leader.isAlive()) ? leader.pid : undefined;
  if (group !== undefined) send(-group, signal);
  for (const { pid } of markedProcesses((marked) => marked === folder)) seen.set(pid, readStat(pid).started);
  let found = group !== undefined;
  for (const [pid, started] of seen) {
    const process = readStat(pid);
    if (process.started !== started || process.isZombie) continue;
    found = true;
    // What is in the group has had the signal: many a program takes a second one for impatience.
    if (process.group !== group) send(pid, signal);
  }
  return found;
}

function send(pid: number, signal: NodeJS.Signals | 0): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone by itself, or another user's by now.
    if (!['ESRCH', 'EPERM'].includes(String((error as NodeJS.ErrnoException).code))) throw error;
  }
}

async function within(ms: number, isSo: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (let pauseMs = 2; !(await isSo()); pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    await sleep(Math.min(pauseMs, leftMs));
  }
  return true;
}

const environment = Buffer.alloc(256 * 1024);

/**
 * The processes whose mark names a wanted folder. Only those of this user can be read. In one go, which takes about
 * 10 µs a process: through the thread pool it is five times as much, and there a process id could be used again
 * between the look and the signal.
 */
export function markedProcesses(isWanted: (folder: string) => boolean): { pid: number; folder: string }[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((name) => {
    const folder = /^\d+$/.test(name) ? markedFolder(name) : undefined;
    return folder !== undefined && isWanted(folder) ? [{ pid: Number(name), folder }] : [];
  });
}

function markedFolder(pid: number | string): string | undefined {
  const variables = environment.subarray(0, readEnvironment(pid));
  const name = `${markName}=`;
  let start = variables.indexOf(name);
  while (start > 0 && variables[start - 1] !== 0) start = variables.indexOf(name, start + 1);
  if (start === -1) return undefined;
  const end = variables.indexOf(0, start);
  return variables.toString('utf8', start + name.length, end === -1 ? variables.length : end);
}

/** Bytes read of it; none where the process is gone, a zombie or another user's. */
function readEnvironment(pid: number | string): number {
  let file: number | undefined;
  try {
    file = openSync(`/proc/${pid}/environ`, 'r');
    return readSync(file, environment, 0, environment.length, null);
  } catch {
    return 0;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Process ids are used again: only one with the attempt's mark, or its folder in its command line, works for it. */
export async function isWorkingFor(folder: string, pid: number | undefined): Promise<boolean> {
  if (pid === undefined) return false;
  return (process.platform === 'linux' && markedFolder(pid) === folder) || (await commandLine(pid)).includes(folder);
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readProc(`${pid}/cmdline`);
  const ps = spawn('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks = await ps.stdout.setEncoding('utf8').toArray();
  return chunks.join('');
}

/** How long a process has been there, by the clock that counts from the machine's start and that nobody sets. */
export function processAgeMs(pid: number): number | undefined {
  const uptimeSeconds = Number.parseFloat(readProc('uptime'));
  // What Linux tells programs has 100 ticks a second on every machine that Node runs on.
  const ageMs = uptimeSeconds * 1000 - Number(readStat(pid).started) * 10;
  return ageMs >= 0 ? ageMs : undefined;
}

interface Stat {
  isZombie: boolean;
  group: number;
  /** In ticks since the machine's start: with the id it names one process for ever. */
  started: string;
}

function readStat(pid: number): Stat {
  const text = readProc(`${pid}/stat`);
  // The second field is a name in parentheses and may hold anything.
  const [state = '', , group, ...further] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { isZombie: 'ZX'.includes(state), group: Number(group), started: further[16] ?? '' };
}

/** The empty string for what is not there. */
function readProc(name: string): string {
  try {
    return readFileSync(`/proc/${name}`, 'utf8');
  } catch {
    return '';
  }
}
