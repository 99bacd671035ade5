import { sep } from 'node:path';
import { uploadPath } from '../core/content-name.ts';
import { isDiskFull, RetryableError, TerminalError, toTaskError, UserError } from '../core/errors.ts';
import type { TrainyardEvent } from '../core/events.ts';
import type { ArtifactStore, Resource } from '../core/resource.ts';
import type { Attempt, AttemptReport, FollowOptions, Runner, RunningAttempt } from '../core/runner.ts';
import type { Task, TaskResult } from '../core/task.ts';
import type { Lease } from './capacity.ts';
import type { Clock } from './clock.ts';
import type { Journal } from './journal/journal.ts';
import { idsOf, type PipelineRun, type TaskRun } from './pipeline-run.ts';
import { defaultMaxAttempts, retryDelayMs } from './retry.ts';
import { resourceIdsIn } from './reuse.ts';

/** Why an attempt is stopped when its pipeline is cancelled. */
export class Cancelled extends Error {}

export interface AttemptsOptions {
  journal: Journal;
  store: ArtifactStore;
  /** Runs a task; the same task always goes to the same kind of runner. */
  runnerFor: (task: Task) => Runner;
  /** Runners that attempts of earlier processes may have, and new ones do not get. */
  formerRunners?: readonly Runner[];
  attemptsDirectory: string;
  /** Removes what an attempt's folder holds that is not needed once its result is in the journal or taken over. */
  releaseAttempt: (folder: string) => Promise<void>;
  /** Called with what is a fault of ours, once each. */
  onBug: (error: unknown) => void;
  clock: Clock;
  random: () => number;
  /**
   * Takes what an attempt tells, in order, until `close`. Where it returns a promise, the attempt is listened to
   * again when that settles.
   */
  record: (attemptId: string, event: TrainyardEvent) => Promise<void> | undefined;
  /** The room that an attempt of an earlier process holds already. */
  retake: (run: PipelineRun, task: TaskRun) => Lease;
}

/** The attempts that are alive: started or found again, followed to their end, stopped or let go. */
export interface Attempts {
  folder(attemptId: string): string;
  /**
   * The resources that a task's inputs name, by id, among these new ones and those of the journal.
   * @throws UserError for an id that nothing has.
   */
  resourcesOf(
    task: Task,
    inputs: Record<string, unknown>,
    fresh?: ReadonlyMap<string, Resource>,
  ): Record<string, Resource>;
  /** Call only when the start is in the journal. */
  start(run: PipelineRun, task: TaskRun, lease: Lease): void;
  /** Follows an attempt that an earlier process started, or records that it is lost. */
  recover(run: PipelineRun, task: TaskRun): Promise<void>;
  stop(attemptId: string, reason: Error): void;
  isLive(attemptId: string): boolean;
  /** How many there are. */
  count(): number;
  /** Gives up what its runner keeps of an attempt. Call only when its end is in the journal. */
  release(attemptId: string): void;
  /** Waits for those that would end with this process, for that long at most. */
  finishInProcess(limitMs: number): Promise<void>;
  /** Lets every attempt go on by itself and stops listening to it. */
  close(): Promise<void>;
}

const defaultGraceSeconds = 10;
const lookForRoomMs = 2000;
const lookAgainMs = 5000;

const nothing: ReadonlyMap<string, Resource> = new Map();

type AttemptIds = ReturnType<typeof idsOf> & { attempt_id: string };
type Begin = (options: FollowOptions) => Promise<RunningAttempt>;

interface Live {
  stop: Stop;
  done: Promise<void>;
  runner: Runner;
}

export function createAttempts(options: AttemptsOptions): Attempts {
  const { journal, store, runnerFor, attemptsDirectory, releaseAttempt, onBug } = options;
  const { clock, random, record, retake } = options;
  const live = new Map<string, Live>();
  /** Attempts that are over and not released yet, of runners that keep something of them. */
  const kept = new Map<string, Runner>();
  const detach = new AbortController();

  const folder = (attemptId: string) => `${attemptsDirectory}${sep}${attemptId}`;

  const resourcesOf: Attempts['resourcesOf'] = ({ inputFields }, inputs, fresh = nothing) => {
    const resources: Record<string, Resource> = {};
    for (const id of resourceIdsIn(inputFields, inputs)) {
      const resource = fresh.get(id) ?? journal.resource(id);
      if (resource === undefined) throw new UserError('unknown_resource', `There is no resource ${id}.`);
      resources[id] = resource;
    }
    return resources;
  };

  /** An attempt stays with the runner that it was started by. */
  function formerRunner({ runner: name, node }: TaskRun): Runner {
    const runner = runnerFor(node.task);
    return runner.name === name ? runner : (options.formerRunners?.find((one) => one.name === name) ?? runner);
  }

  function describeAttempt(run: PipelineRun, task: TaskRun, limits: Lease['limits']): Attempt {
    const { task_id, node, inputs, attemptId = '' } = task;
    const { timeoutSeconds, graceSeconds = defaultGraceSeconds } = node.task.needs(inputs);
    return {
      attemptId,
      taskId: task_id,
      pipelineId: run.pipeline_id,
      nodeId: node.node_id,
      task: node.task,
      inputs,
      resources: resourcesOf(node.task, inputs),
      folder: folder(attemptId),
      limits: {
        ...limits,
        timeoutMs: (node.policy.timeout_seconds ?? timeoutSeconds) * 1000,
        graceMs: (node.policy.grace_seconds ?? graceSeconds) * 1000,
      },
    };
  }

  /**
   * Follows an attempt to its end and records how it ended.
   * @param ageMs how long it has been running already
   */
  function track(
    run: PipelineRun,
    task: TaskRun,
    attempt: Attempt,
    runner: Runner,
    lease: Lease,
    begin: Begin,
    { ageMs, isOver }: { ageMs: number; isOver: boolean } = { ageMs: 0, isOver: false },
  ): void {
    const { attemptId, limits } = attempt;
    const stop = new Stop();
    const ids: AttemptIds = { ...idsOf(run, task), attempt_id: attemptId };
    const startedAt = clock.elapsed() - ageMs;
    const seconds = () => (clock.elapsed() - startedAt) / 1000;
    const forgetLimit = isOver ? undefined : clock.after(limits.timeoutMs - ageMs, () => stop.abort(timedOut(attempt)));
    const onReport = (report: AttemptReport) => record(attemptId, { ...ids, ...report });

    async function toTheEnd(): Promise<TrainyardEvent> {
      if (stop.reason !== undefined) throw stop.reason;
      const following = new Following(task.offset, onReport, stop, detach.signal);
      const running = await begin(following);
      const result = withUploadIds(attempt, await running.follow(following));
      // The limit is for the task; what it has computed is kept however long that takes.
      forgetLimit?.();
      const tell = (text: string) => void onReport({ type: 'task_message', level: 'warning', text });
      const resources = isEmpty(result.resources)
        ? {}
        : await whenThereIsRoom(() => keepResources(store, result), stop, tell);
      return { type: 'task_succeeded', ...ids, ...readResult(task.node.task, result, resources), seconds: seconds() };
    }

    const done = toTheEnd()
      .catch((error: unknown) => endOf(task, ids, stop.reason ?? error, seconds()))
      .then((event) => {
        forgetLimit?.();
        live.delete(attemptId);
        if (runner.release !== undefined) kept.set(attemptId, runner);
        lease.release();
        // Whatever came after the detaching is the next process's to record.
        if (!detach.signal.aborted) record(attemptId, event);
      });
    live.set(attemptId, { stop, done, runner });
  }

  /** Tries again as long as the disk is full, and says so once. What has been computed is not thrown away for that. */
  async function whenThereIsRoom<T>(work: () => T | Promise<T>, stop: Stop, tell: (text: string) => void): Promise<T> {
    for (let isTold = false; ; isTold = true) {
      try {
        return await work();
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        if (!isTold) tell('The disk is full: the result waits to be stored. Free some space; it goes on by itself.');
        await pause(lookForRoomMs, AbortSignal.any([stop.signal, detach.signal]));
      }
    }
  }

  /** While it cannot be told whether the attempt lives, no other one may start, nor does it count as stopped. */
  async function findLater<T>(find: () => Promise<T>): Promise<T> {
    for (;;) {
      await pause(lookAgainMs, detach.signal);
      const found = await find().catch((error: unknown) => ({ error }));
      if (!(found instanceof Object && 'error' in found)) return found;
    }
  }

  function pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const forget = clock.after(delayMs, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      const onAbort = () => {
        forget();
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort);
    });
  }

  function endOf(task: TaskRun, ids: AttemptIds, error: unknown, seconds: number): TrainyardEvent {
    const { attempt_id, ...taskIds } = ids;
    if (error instanceof Cancelled) return { type: 'task_cancelled', ...taskIds };
    const taskError = isDiskFull(error) ? diskFull(error) : toTaskError(error);
    if (taskError.kind === 'bug' && !detach.signal.aborted) onBug(error);
    const maxAttempts = task.node.policy.max_attempts ?? defaultMaxAttempts;
    const delayMs = retryDelayMs(taskError, task.tries, maxAttempts, random);
    if (delayMs === undefined) return { type: 'task_failed', ...taskIds, error: taskError, seconds };
    const retry_at = new Date(clock.now() + delayMs).toISOString();
    return { type: 'attempt_failed', ...ids, error: taskError, retry_at };
  }

  return {
    folder,
    resourcesOf,
    isLive: (attemptId) => live.has(attemptId),
    count: () => live.size,

    release(attemptId) {
      kept.get(attemptId)?.release?.(attemptId);
      kept.delete(attemptId);
    },

    start(run, task, lease) {
      const previous = task.earlierAttempts.map(folder);
      const attempt = { ...describeAttempt(run, task, lease.limits), previousFolders: previous };
      const runner = runnerFor(attempt.task);
      track(run, task, attempt, runner, lease, async (following) => {
        const running = await runner.start(attempt, following);
        // Their checkpoint has been taken over.
        for (const one of previous) await releaseAttempt(one).catch(onBug);
        return running;
      });
    },

    async recover(run, task) {
      const lease = retake(run, task);
      const attempt = describeAttempt(run, task, lease.limits);
      const runner = formerRunner(task);
      const find = () => runner.find(attempt);
      const found = await find().catch((error: unknown) => ({ error }));
      const begin: Begin = async () => {
        const running = found !== undefined && 'error' in found ? await findLater(find) : found;
        if (running !== undefined) return running;
        throw new RetryableError('task_lost', 'The task was not running any more when Trainyard started again.');
      };
      const { ageMs, isOver = false } = found === undefined || 'error' in found ? {} : found;
      const byTheWall = Math.max(0, clock.now() - (task.attemptStartedAtMs ?? clock.now()));
      track(run, task, attempt, runner, lease, begin, { ageMs: ageMs ?? byTheWall, isOver });
    },

    stop: (attemptId, reason) => live.get(attemptId)?.stop.abort(reason),

    async finishInProcess(limitMs) {
      const ending = [...live.values()].filter(({ runner }) => !runner.outlivesServer).map(({ done }) => done);
      if (ending.length === 0) return;
      const limit = Promise.withResolvers<void>();
      const forgetLimit = clock.after(limitMs, limit.resolve);
      await Promise.race([Promise.all(ending), limit.promise]);
      forgetLimit();
    },

    async close() {
      detach.abort(new Error('Trainyard stops.'));
      await Promise.all([...live.values()].map(({ done }) => done));
    },
  };
}

/** An AbortController that is made when somebody looks at its signal: making one takes longer than many a task. */
class Stop {
  /** Why it was stopped, if it was. */
  reason: Error | undefined;
  #controller: AbortController | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.reason !== undefined) this.#controller.abort(this.reason);
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.reason ??= reason;
    this.#controller?.abort(this.reason);
  }
}

class Following implements FollowOptions {
  readonly fromOffset: number;
  readonly onReport: FollowOptions['onReport'];
  readonly detach: AbortSignal;
  readonly #stop: Stop;

  constructor(fromOffset: number, onReport: FollowOptions['onReport'], stop: Stop, detach: AbortSignal) {
    this.fromOffset = fromOffset;
    this.onReport = onReport;
    this.#stop = stop;
    this.detach = detach;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }
}

/** Puts a result's files into the store. */
async function keepResources(store: ArtifactStore, result: TaskResult): Promise<Record<string, Resource>> {
  const resources: Record<string, Resource> = {};
  for (const [name, folder] of Object.entries(result.resources)) resources[name] = await store.keep(folder);
  return resources;
}

/** A result as the journal has it: the ids of its resources are among the outputs. */
function readResult(task: Task, { outputs, usage }: TaskResult, resources: Record<string, Resource>) {
  const all: Record<string, unknown> = { ...outputs };
  for (const [name, { resource_id }] of Object.entries(resources)) all[name] = resource_id;
  const parsed = task.output.safeParse(all);
  if (parsed.success) return { outputs: parsed.data, resources, ...(usage !== undefined && { usage }) };
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new TerminalError('result_malformed', `${task.name} returned outputs that do not fit: ${faults}`);
}

/** Where uploaded content lay is of no use to anybody later: its id is said in place of that. */
function withUploadIds({ resources }: Attempt, result: TaskResult): TaskResult {
  const uploads = Object.values(resources).filter(({ kind }) => kind === 'upload');
  if (uploads.length === 0) return result;
  const ids = new Map<unknown, string>(uploads.map((upload) => [uploadPath(upload), upload.resource_id]));
  const named = (values: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, ids.get(value) ?? value]));
  const made = Object.entries(result.resources).map(([name, one]) => [name, { ...one, metadata: named(one.metadata) }]);
  return { ...result, outputs: named(result.outputs), resources: Object.fromEntries(made) };
}

function isEmpty(record: object): boolean {
  for (const _ in record) return false;
  return true;
}

function diskFull(error: unknown) {
  const { message } = toTaskError(error);
  const hint = 'Free some space; it goes on by itself.';
  return toTaskError(new RetryableError('disk_full', message, { hint, cause: error }));
}

function timedOut({ task, limits }: Attempt): TerminalError {
  const seconds = limits.timeoutMs / 1000;
  return new TerminalError('timed_out', `${task.name} was stopped after its time limit of ${seconds} s.`, {
    hint: 'A higher timeout_seconds in the policy of its node gives it more.',
  });
}
