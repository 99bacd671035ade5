import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt, FollowOptions, Runner } from '../core/runner.ts';
import type { ResourceFolder, ServerTaskContext, TaskResult } from '../core/task.ts';

type PrepareEnvironment = (
  requirements: string[],
  pythonVersion: string | undefined,
  options: Pick<FollowOptions, 'onReport' | 'signal'>,
) => Promise<{ hash: string }>;

/** Runs the light tasks of this process. They end with it: what was running is started again. */
export function createInProcessRunner(store: ArtifactStore, prepareEnvironment: PrepareEnvironment): Runner {
  async function run(attempt: Attempt, { onReport, signal: stop, detach }: FollowOptions): Promise<TaskResult> {
    // Nothing of this process outlives it: to detach is to stop.
    const signal = AbortSignal.any([stop, detach]);
    const { work, name } = attempt.task;
    if (work.where !== 'server') throw new Error(`${name} does not run in the server's process.`);
    const artifactsDirectory = join(attempt.folder, 'artifacts');
    await rm(attempt.folder, { recursive: true, force: true });
    await mkdir(artifactsDirectory, { recursive: true });
    const context: ServerTaskContext = {
      artifactsDirectory,
      resources: await layOutInputs(attempt, store),
      prepareEnvironment: (requirements, pythonVersion) =>
        prepareEnvironment(requirements, pythonVersion, { onReport, signal }),
      signal,
    };
    return orAborted(work.run(attempt.inputs, context), signal);
  }

  return {
    name: 'in-process',
    start: async (attempt) => ({ follow: (options) => run(attempt, options) }),
    find: async () => undefined,
  };
}

async function layOutInputs(attempt: Attempt, store: ArtifactStore): Promise<Record<string, ResourceFolder>> {
  const folders: Record<string, ResourceFolder> = {};
  for (const [id, resource] of Object.entries(attempt.resources)) {
    const path = join(attempt.folder, 'inputs', id);
    await store.layOut(resource, path);
    folders[id] = { kind: resource.kind, path, metadata: resource.metadata };
  }
  return folders;
}

/** A task that does not look at its signal is left behind rather than waited for. */
async function orAborted(result: Promise<TaskResult>, signal: AbortSignal): Promise<TaskResult> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
