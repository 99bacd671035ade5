import { execFile } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { contentNames, localPath, uploadPath } from '../core/content-name.ts';
import { freeBytesOf } from '../core/disk-full.ts';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt } from '../core/runner.ts';
import { openPlainFile } from './plain-file.ts';

/** What `stat` counts disk space in. */
const blockBytes = 512;

/**
 * The folder of an attempt is the whole contract between Trainyard and an isolated task:
 * in come `spec.json` and `inputs/`, out go `events.jsonl`, `log.txt`, `artifacts/` and, last, `result.json`.
 */
export async function prepareAttemptFolder(
  attempt: Attempt,
  store: ArtifactStore,
  { forProcess = false }: { forProcess?: boolean } = {},
): Promise<void> {
  const { folder, previousFolders = [] } = attempt;
  await removeWhatever(folder);
  // Nobody else of this machine has a way in: what a task leaves may be a program that runs as its owner.
  await mkdir(dirname(folder), { recursive: true });
  await chmod(dirname(folder), 0o700);
  await mkdir(join(folder, 'artifacts'), { recursive: true });
  // Still empty: from now on a process may come that writes its id into it.
  if (forProcess) await writeFile(pidFile(folder), '');
  const resources: Record<string, object> = {};
  for (const [id, resource] of Object.entries(attempt.resources)) {
    const path = `inputs/${id}`;
    await store.layOut(resource, join(folder, path));
    resources[id] = { kind: resource.kind, path, metadata: resource.metadata };
  }
  const spec = {
    version: 1,
    task_id: attempt.taskId,
    attempt_id: attempt.attemptId,
    task_name: attempt.task.name,
    inputs: withPaths(attempt),
    resources,
    resume_from: await takeCheckpoint(previousFolders, folder),
    limits: {
      cpu_threads: attempt.limits.cpuThreads,
      memory_mib: attempt.limits.memoryMib,
      gpus: attempt.limits.gpus,
    },
  };
  await writeFile(join(folder, 'spec.json'), `${JSON.stringify(spec, null, 2)}\n`, { mode: 0o444 });
}

/**
 * The folder that a task works in says nothing about what a person meant by `./data.jsonl`, nor does its home. What was
 * uploaded lies within it.
 */
function withPaths({ task, inputs, resources }: Attempt): Record<string, unknown> {
  const paths = { ...inputs };
  for (const { input, value } of contentNames(task, inputs)) {
    const upload = resources[value];
    paths[input] = upload === undefined ? (localPath(value) ?? value) : uploadPath(upload);
  }
  return paths;
}

/** A name means a whole checkpoint: the copy gets it when it is complete. */
async function takeCheckpoint(previousFolders: readonly string[], folder: string): Promise<string | null> {
  const candidates = previousFolders.flatMap((previous) => [
    join(previous, 'checkpoint'),
    join(previous, 'inputs', 'checkpoint'),
  ]);
  for (const checkpoint of candidates) {
    if (!(await canBeCopied(checkpoint))) continue;
    const target = join(folder, 'inputs', 'checkpoint');
    const part = `${target}.part`;
    await cp(checkpoint, part, { recursive: true, mode: constants.COPYFILE_FICLONE, filter: isFileOrFolder });
    await rename(part, target);
    return 'inputs/checkpoint';
  }
  return null;
}

/**
 * Whether a folder can be copied. One of which most is holes, and which written out would fill the disk, is none of
 * ours: it would fill it with each try.
 */
async function canBeCopied(folder: string): Promise<boolean> {
  if (!(await lstat(folder).catch(() => undefined))?.isDirectory()) return false;
  const { bytes, allocated } = await sizeOf(folder);
  return allocated > bytes / 2 || bytes < (await freeBytesOf(folder));
}

async function sizeOf(path: string): Promise<{ bytes: number; allocated: number }> {
  const info = await lstat(path);
  if (!info.isDirectory()) return { bytes: info.size, allocated: info.blocks * blockBytes };
  const sum = { bytes: 0, allocated: 0 };
  for (const name of await readdir(path)) {
    const { bytes, allocated } = await sizeOf(join(path, name));
    sum.bytes += bytes;
    sum.allocated += allocated;
  }
  return sum;
}

/** A link could lead anywhere, and the copying of a FIFO fails. */
async function isFileOrFolder(path: string): Promise<boolean> {
  const info = await lstat(path);
  return info.isFile() || info.isDirectory();
}

/** What stays of an attempt that is over. */
const lasting = new Set(['spec.json', 'log.txt', 'result.json']);

/**
 * Removes what was only needed while the attempt ran, and whatever else the task left; `spec.json`, `log.txt` and
 * `result.json` stay. A folder with nothing in it goes as well.
 */
export async function tidyAttemptFolder(folder: string): Promise<void> {
  // Many a light task has made none; this look costs 2 µs, and a turn of the thread pool more than such a task.
  if (!existsSync(folder)) return;
  for (const name of await readdir(folder)) if (!lasting.has(name)) await removeWhatever(join(folder, name));
  await rmdir(folder).catch(() => undefined);
}

/** Removes what a task left, however it closed or nested it. */
async function removeWhatever(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    // Paths that are too long for a call, and folders that are closed to their owner.
    await promisify(execFile)('sh', ['-c', 'chmod -R u+rwX -- "$1"; exec rm -rf -- "$1"', 'sh', path]).catch(
      () => undefined,
    );
    await rm(path, { recursive: true, force: true });
  }
}

/** Where the process writes its id before anything else. It goes when nothing works for the attempt any more. */
function pidFile(folder: string): string {
  return join(folder, 'pid');
}

/** The task may have put something else in its place: a link is not followed, nor is much read. */
export async function readPid(folder: string): Promise<number | undefined> {
  const file = await openPlainFile(pidFile(folder)).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(32), 0, 32, 0);
    const pid = Number.parseInt(buffer.toString('utf8', 0, bytesRead), 10);
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } finally {
    await file.close();
  }
}

/** The ids of the attempts that have begun and left no result, which are few among all that have a folder. */
export async function unfinishedAttempts(attemptsDirectory: string): Promise<string[]> {
  const names = await readdir(attemptsDirectory).catch(() => []);
  // 3 µs each; one by one through the thread pool, 10,000 of them took a second.
  return names.filter((name) => {
    const folder = join(attemptsDirectory, name);
    return existsSync(pidFile(folder)) && !existsSync(join(folder, 'result.json'));
  });
}

export async function forgetPid(folder: string): Promise<void> {
  await rm(pidFile(folder), { force: true });
}

/**
 * A start that a dead server had under way must not come to life after this: the launched shell writes its
 * id first and then stops if it sees this mark, so either the mark is seen by it or its id by us.
 */
export async function abandon(folder: string): Promise<void> {
  // Nothing that lies there by that name is opened: it may be a link to anywhere.
  await writeFile(join(folder, 'abandoned'), '', { flag: 'wx' }).catch(() => undefined);
}
