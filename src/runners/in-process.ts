import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { contentNames, uploadPath } from '../core/content-name.ts';
import { orDiskFull } from '../core/disk-full.ts';
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
  const watchAborts = createAbortWatch();

  async function run(attempt: Attempt, options: FollowOptions): Promise<TaskResult> {
    const { work, name } = attempt.task;
    if (work.where !== 'server') throw new Error(`${name} does not run in the server's process.`);
    const context = new LightTaskContext(attempt, options, prepareEnvironment);
    if (Object.keys(attempt.resources).length === 0) return work.run(attempt.inputs, context);
    await layOutInputs(attempt, context, store);
    return work.run(withUploadPaths(attempt), context);
  }

  /** A task that does not look at its signal is left behind rather than waited for. */
  function follow(attempt: Attempt, options: FollowOptions): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      options.detach.throwIfAborted();
      const forget = watchAborts(options, reject);
      run(attempt, options).then(
        (result) => {
          forget();
          resolve(result);
        },
        (error) => {
          forget();
          reject(orDiskFull(error));
        },
      );
    });
  }

  return {
    name: 'in-process',
    outlivesServer: false,
    start: async (attempt) => ({ follow: (options) => follow(attempt, options) }),
    find: async () => undefined,
  };
}

/** A folder and a signal are made when the task asks for them: either takes longer than many a task. */
class LightTaskContext implements ServerTaskContext {
  readonly resources: Record<string, ResourceFolder> = {};
  readonly #attempt: Attempt;
  readonly #options: FollowOptions;
  readonly #prepareEnvironment: PrepareEnvironment;
  #artifactsDirectory: string | undefined;
  #signal: AbortSignal | undefined;

  constructor(attempt: Attempt, options: FollowOptions, prepareEnvironment: PrepareEnvironment) {
    this.#attempt = attempt;
    this.#options = options;
    this.#prepareEnvironment = prepareEnvironment;
  }

  get artifactsDirectory(): string {
    this.#artifactsDirectory ??= makeArtifactsDirectory(this.#attempt.folder);
    return this.#artifactsDirectory;
  }

  get signal(): AbortSignal {
    // Nothing of this process outlives it: to detach is to stop.
    this.#signal ??= AbortSignal.any([this.#options.signal, this.#options.detach]);
    return this.#signal;
  }

  /** Works by itself, too: a task may take it out of its context. */
  get prepareEnvironment(): ServerTaskContext['prepareEnvironment'] {
    const { onReport } = this.#options;
    return (requirements, pythonVersion) =>
      this.#prepareEnvironment(requirements, pythonVersion, { onReport, signal: this.signal });
  }
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

function withUploadPaths({ task, inputs, resources, folder }: Attempt): Record<string, unknown> {
  const paths = { ...inputs };
  for (const { input, value } of contentNames(task, inputs)) {
    const upload = resources[value];
    if (upload !== undefined) paths[input] = join(folder, uploadPath(upload));
  }
  return paths;
}

type Watched = Pick<FollowOptions, 'signal' | 'detach'>;
type OnAbort = (reason: unknown) => void;

/**
 * Tells of the abort of either signal, until the returned function is called. Nothing can be stopped before the event
 * loop takes up something else, and most light tasks are over by then: only for the others signals are made and
 * listened to. All attempts share the signal that detaches them, and with hundreds of listeners on it each further one
 * takes longer than a light task: it has one for all.
 */
function createAbortWatch(): (watched: Watched, onAbort: OnAbort) => () => void {
  const callbacksOf = new WeakMap<AbortSignal, Set<OnAbort>>();
  const fresh = new Map<OnAbort, Watched>();

  function listen(signal: AbortSignal): Set<OnAbort> {
    const callbacks = new Set<OnAbort>();
    callbacksOf.set(signal, callbacks);
    const tellAll = () => {
      for (const callback of callbacks) callback(signal.reason);
    };
    signal.addEventListener('abort', tellAll, { once: true });
    return callbacks;
  }

  function add(signal: AbortSignal, onAbort: OnAbort): void {
    if (signal.aborted) onAbort(signal.reason);
    else (callbacksOf.get(signal) ?? listen(signal)).add(onAbort);
  }

  function settleIn(): void {
    for (const [onAbort, { signal, detach }] of fresh) {
      add(signal, onAbort);
      add(detach, onAbort);
    }
    fresh.clear();
  }

  return (watched, onAbort) => {
    if (fresh.size === 0) setImmediate(settleIn);
    fresh.set(onAbort, watched);
    return () => {
      if (fresh.delete(onAbort)) return;
      callbacksOf.get(watched.signal)?.delete(onAbort);
      callbacksOf.get(watched.detach)?.delete(onAbort);
    };
  };
}
