import { constants, existsSync } from 'node:fs';
import { cp, lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentNames, localPath } from '../core/content-name.ts';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt } from '../core/runner.ts';

/**
 * The folder of an attempt is the whole contract between Trainyard and an isolated task:
 * in come `spec.json` and `inputs/`, out go `events.jsonl`, `log.txt`, `artifacts/` and, last, `result.json`.
 */
export async function prepareAttemptFolder(attempt: Attempt, store: ArtifactStore): Promise<void> {
  const { folder, previousFolders = [] } = attempt;
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'artifacts'), { recursive: true });
  // Still empty: from now on a process may come that writes its id into it.
  await writeFile(pidFile(folder), '');
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
    inputs: withAbsolutePaths(attempt),
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

/** The folder that a task works in says nothing about what a person meant by `./data.jsonl`, nor does its home. */
function withAbsolutePaths({ task, inputs }: Attempt): Record<string, unknown> {
  const absolute = { ...inputs };
  for (const { input, value } of contentNames(task, inputs)) absolute[input] = localPath(value) ?? value;
  return absolute;
}

/** A name means a whole checkpoint: the copy gets it when it is complete. */
async function takeCheckpoint(previousFolders: readonly string[], folder: string): Promise<string | null> {
  const candidates = previousFolders.flatMap((previous) => [
    join(previous, 'checkpoint'),
    join(previous, 'inputs', 'checkpoint'),
  ]);
  for (const checkpoint of candidates) {
    if (!existsSync(checkpoint)) continue;
    const target = join(folder, 'inputs', 'checkpoint');
    const part = `${target}.part`;
    await cp(checkpoint, part, { recursive: true, mode: constants.COPYFILE_FICLONE, filter: isFileOrFolder });
    await rename(part, target);
    return 'inputs/checkpoint';
  }
  return null;
}

/** A link could lead anywhere, and the copying of a FIFO fails. */
async function isFileOrFolder(path: string): Promise<boolean> {
  const info = await lstat(path);
  return info.isFile() || info.isDirectory();
}

/**
 * Removes what was only needed while the attempt ran; `spec.json`, `log.txt` and `result.json` stay. A folder with
 * nothing in it goes as well.
 */
export async function tidyAttemptFolder(folder: string): Promise<void> {
  // Many a light task has made none; this look costs 2 µs, and a turn of the thread pool more than such a task.
  if (!existsSync(folder)) return;
  for (const name of ['inputs', 'artifacts', 'checkpoint', 'pid']) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
  await rmdir(folder).catch(() => undefined);
}

/** Where the process writes its id before anything else. It goes when nothing works for the attempt any more. */
function pidFile(folder: string): string {
  return join(folder, 'pid');
}

export async function readPid(folder: string): Promise<number | undefined> {
  const text = await readFile(pidFile(folder), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
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
  await writeFile(join(folder, 'abandoned'), '').catch(() => undefined);
}
