import { basename, dirname, join, resolve } from 'node:path';
import { abandon, forgetPid, readPid, unfinishedAttempts } from './attempt-folder.ts';
import { isWorkingFor, markedProcesses, stopProcesses } from './attempt-processes.ts';

const strayGraceMs = 2000;

/**
 * Stops what works for attempts that are none of the live ones, and starts of them that were under way. Returns the
 * ids of those that something worked for.
 */
export async function stopStrays(attemptsDirectory: string, isLive: (id: string) => boolean): Promise<string[]> {
  const strays = new Set<string>();
  const unfinished = (await unfinishedAttempts(attemptsDirectory)).filter((id) => !isLive(id));
  await forEach(unfinished, async (id) => {
    const folder = join(attemptsDirectory, id);
    await abandon(folder);
    if (await isWorkingFor(folder, await readPid(folder))) strays.add(id);
  });
  const isAmongThem = (folder: string) => dirname(folder) === resolve(attemptsDirectory) && !isLive(basename(folder));
  for (const { folder } of markedProcesses(isAmongThem)) strays.add(basename(folder));
  await Promise.all([...strays].map((id) => stopStray(join(attemptsDirectory, id))));
  await forEach(unfinished, (id) => forgetPid(join(attemptsDirectory, id)));
  return [...strays];
}

/** Some at a time: each has a file open. */
async function forEach(ids: readonly string[], act: (id: string) => Promise<void>): Promise<void> {
  const together = 64;
  for (let at = 0; at < ids.length; at += together) await Promise.all(ids.slice(at, at + together).map(act));
}

async function stopStray(folder: string): Promise<void> {
  const pid = await readPid(folder);
  await stopProcesses(folder, { pid, isAlive: () => isWorkingFor(folder, pid) }, strayGraceMs);
}
