import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt, FollowOptions, Runner } from '../core/runner.ts';
import type { ServerTaskContext, TaskResult } from '../core/task.ts';
import { orDiskFull } from './disk-full.ts';

type PrepareEnvironment = (
  requirements: string[],
  pythonVersion: string | undefined,
  options: Pick<FollowOptions, 'onReport' | 'signal'>,
) => Promise<{ hash: string }>;

/** Runs the light tasks of this process. They end with it: what was running is started again. */
export function createInProcessRunner(store: ArtifactStore, prepareEnvironment: PrepareEnvironment): Runner {
  const onAbort = createAbortWatch();

  async function run(attempt: Attempt, options: FollowOptions): Promise<TaskResult> {
    const { work, name } = attempt.task;
    if (work.where !== 'server') throw new Error(`${name} does not run in the server's process.`);
    const context = createContext(attempt, options, prepareEnvironment);
    if (Object.keys(attempt.resources).length > 0) await layOutInputs(attempt, context, store);
    return work.run(attempt.inputs, context);
  }

  /** A task that does not look at its signal is left behind rather than waited for. */
  async function follow(attempt: Attempt, options: FollowOptions): Promise<TaskResult> {
    const signals = [options.detach, options.signal];
    for (const signal of signals) signal.throwIfAborted();
    let forget: (() => void)[] = [];
    const aborted = new Promise<never>((_, reject) => {
      forget = signals.map((signal) => onAbort(signal, reject));
    });
    try {
      return await Promise.race([run(attempt, options), aborted]);
    } catch (error) {
      throw orDiskFull(error);
    } finally {
      for (const each of forget) each();
    }
  }

  return {
    name: 'in-process',
    outlivesServer: false,
    start: async (attempt) => ({ follow: (options) => follow(attempt, options) }),
    find: async () => undefined,
  };
}

/** A folder and a signal are made when the task asks for them: either takes longer than many a task. */
function createContext(
  { folder }: Attempt,
  { onReport, signal: stop, detach }: FollowOptions,
  prepareEnvironment: PrepareEnvironment,
): ServerTaskContext {
  let artifactsDirectory: string | undefined;
  let signal: AbortSignal | undefined;
  const context: ServerTaskContext = {
    resources: {},
    get artifactsDirectory() {
      artifactsDirectory ??= makeArtifactsDirectory(folder);
      return artifactsDirectory;
    },
    get signal() {
      // Nothing of this process outlives it: to detach is to stop.
      signal ??= AbortSignal.any([stop, detach]);
      return signal;
    },
    prepareEnvironment: (requirements, pythonVersion) =>
      prepareEnvironment(requirements, pythonVersion, { onReport, signal: context.signal }),
  };
  return context;
}

function makeArtifactsDirectory(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  const artifacts = join(folder, 'artifacts');
  mkdirSync(artifacts, { recursive: true });
  return artifacts;
}

async function layOutInputs(attempt: Attempt, context: ServerTaskContext, store: ArtifactStore): Promise<void> {
  const inputs = join(context.artifactsDirectory, '..', 'inputs');
  for (const [id, resource] of Object.entries(attempt.resources)) {
    const path = join(inputs, id);
    await store.layOut(resource, path);
    context.resources[id] = { kind: resource.kind, path, metadata: resource.metadata };
  }
}

/**
 * Tells many of a signal's abort by one listener: all attempts share the signal that detaches them, and with
 * hundreds of listeners on it each further one takes longer than a light task.
 */
function createAbortWatch(): (signal: AbortSignal, callback: (reason: unknown) => void) => () => void {
  const callbacksOf = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>();

  function listen(signal: AbortSignal): Set<(reason: unknown) => void> {
    const callbacks = new Set<(reason: unknown) => void>();
    callbacksOf.set(signal, callbacks);
    const tellAll = () => {
      for (const callback of callbacks) callback(signal.reason);
    };
    signal.addEventListener('abort', tellAll, { once: true });
    return callbacks;
  }

  return (signal, callback) => {
    const callbacks = callbacksOf.get(signal) ?? listen(signal);
    callbacks.add(callback);
    return () => callbacks.delete(callback);
  };
}
