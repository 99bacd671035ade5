import { join } from 'node:path';
import { RetryableError, TerminalError, toTaskError, UserError } from '../core/errors.ts';
import type { TrainyardEvent } from '../core/events.ts';
import type { ArtifactStore, Resource } from '../core/resource.ts';
import type { Attempt, AttemptReport, Runner, RunningAttempt } from '../core/runner.ts';
import { resourcePrefixes, type Task, type TaskResult } from '../core/task.ts';
import type { Capacity, Lease } from './capacity.ts';
import type { Clock } from './clock.ts';
import type { Journal } from './journal.ts';
import { idsOf, type PipelineRun, type TaskRun } from './pipeline-run.ts';
import { retryDelayMs } from './retry.ts';

/** Why an attempt is stopped when its pipeline is cancelled. */
export class Cancelled extends Error {}

export interface AttemptsOptions {
  journal: Journal;
  store: ArtifactStore;
  capacity: Capacity;
  /** Runs a task; the same task always goes to the same kind of runner. */
  runnerFor: (task: Task) => Runner;
  attemptsDirectory: string;
  /** Called with what is a fault of ours, once each. */
  onBug: (error: unknown) => void;
  clock: Clock;
  random: () => number;
  /** Takes what an attempt tells, in order, until `close`. */
  record: (event: TrainyardEvent) => void;
}

/** The attempts that are alive: started or found again, followed to their end, stopped or let go. */
export interface Attempts {
  folder(attemptId: string): string;
  /** The resources that inputs name, by id. @throws UserError for an id that nothing has. */
  resourcesOf(inputs: Record<string, unknown>): Record<string, Resource>;
  /** Call only when the start is in the journal. `previous`: the attempt before it, if any. */
  start(run: PipelineRun, task: TaskRun, lease: Lease, previous: string | undefined): void;
  /** Follows an attempt that an earlier process started, or records that it is lost. */
  recover(run: PipelineRun, task: TaskRun): Promise<void>;
  stop(attemptId: string, reason: Error): void;
  /** Lets every attempt go on by itself and stops listening to it. */
  close(): Promise<void>;
}

const graceMs = 10_000;

type AttemptIds = ReturnType<typeof idsOf> & { attempt_id: string };
type Begin = (context: { onReport: (report: AttemptReport) => void; signal: AbortSignal }) => Promise<RunningAttempt>;

export function createAttempts(options: AttemptsOptions): Attempts {
  const { journal, store, capacity, runnerFor, attemptsDirectory, onBug, clock, random, record } = options;
  const live = new Map<string, { stop: AbortController; done: Promise<void> }>();
  const detach = new AbortController();

  const folder = (attemptId: string) => join(attemptsDirectory, attemptId);

  function resourcesOf(inputs: Record<string, unknown>): Record<string, Resource> {
    const resources: Record<string, Resource> = {};
    for (const value of Object.values(inputs)) {
      if (!isResourceId(value)) continue;
      const resource = journal.resource(value);
      if (resource === undefined) throw new UserError('unknown_resource', `There is no resource ${value}.`);
      resources[value] = resource;
    }
    return resources;
  }

  function describeAttempt({ task_id, node, inputs, attemptId = '' }: TaskRun, limits: Lease['limits']): Attempt {
    const timeoutMs = node.task.needs(inputs).timeoutSeconds * 1000;
    return {
      attemptId,
      taskId: task_id,
      task: node.task,
      inputs,
      resources: resourcesOf(inputs),
      folder: folder(attemptId),
      limits: { ...limits, timeoutMs, graceMs },
    };
  }

  /** Follows an attempt to its end and records how it ended. */
  function track(run: PipelineRun, task: TaskRun, attempt: Attempt, release: () => void, begin: Begin): void {
    const stop = new AbortController();
    const ids: AttemptIds = { ...idsOf(run, task), attempt_id: attempt.attemptId };
    const startedAtMs = task.startedAtMs ?? clock.now();
    const seconds = () => (clock.now() - startedAtMs) / 1000;
    // Counted from its own start, whichever process it was that started it.
    const limitAtMs = (task.attemptStartedAtMs ?? clock.now()) + attempt.limits.timeoutMs;
    const forgetLimit = clock.at(limitAtMs, () => stop.abort(timedOut(attempt)));
    const onReport = (report: AttemptReport) => record({ ...ids, ...report });

    async function toTheEnd(): Promise<TrainyardEvent> {
      const running = await begin({ onReport, signal: AbortSignal.any([stop.signal, detach.signal]) });
      const following = { fromOffset: task.offset, onReport, signal: stop.signal, detach: detach.signal };
      const result = await keepResult(store, task.node.task, await running.follow(following));
      return { type: 'task_succeeded', ...ids, ...result, seconds: seconds() };
    }

    const done = toTheEnd()
      .catch((error: unknown) => endOf(task, ids, stop.signal.aborted ? stop.signal.reason : error, seconds()))
      .then((event) => {
        forgetLimit();
        live.delete(attempt.attemptId);
        release();
        // Whatever came after the detaching is the next process's to record.
        if (!detach.signal.aborted) record(event);
      });
    live.set(attempt.attemptId, { stop, done });
  }

  function endOf(task: TaskRun, ids: AttemptIds, error: unknown, seconds: number): TrainyardEvent {
    const { attempt_id, ...taskIds } = ids;
    if (error instanceof Cancelled) return { type: 'task_cancelled', ...taskIds };
    const taskError = toTaskError(error);
    if (taskError.kind === 'bug' && !detach.signal.aborted) onBug(error);
    const delayMs = retryDelayMs(taskError, task.attempts, random);
    if (delayMs === undefined) return { type: 'task_failed', ...taskIds, error: taskError, seconds };
    return {
      type: 'attempt_failed',
      ...ids,
      error: taskError,
      retry_at: new Date(clock.now() + delayMs).toISOString(),
    };
  }

  return {
    folder,
    resourcesOf,

    start(run, task, lease, previous) {
      const attempt = describeAttempt(task, lease.limits);
      if (previous !== undefined) attempt.previousFolder = folder(previous);
      track(run, task, attempt, lease.release, (context) => runnerFor(attempt.task).start(attempt, context));
    },

    async recover(run, task) {
      const lease = capacity.retake(task.node.task, task.inputs, task.gpus);
      const attempt = describeAttempt(task, lease.limits);
      const running = await runnerFor(attempt.task).find(attempt);
      track(run, task, attempt, lease.release, async () => {
        if (running !== undefined) return running;
        throw new RetryableError('task_lost', 'The task was not running any more when Trainyard started again.');
      });
    },

    stop: (attemptId, reason) => live.get(attemptId)?.stop.abort(reason),

    async close() {
      detach.abort(new Error('Trainyard stops.'));
      await Promise.all([...live.values()].map(({ done }) => done));
    },
  };
}

/** Puts a result's files into the store and its ids among the outputs. */
async function keepResult(store: ArtifactStore, task: Task, result: TaskResult) {
  const resources: Record<string, Resource> = {};
  const outputs: Record<string, unknown> = { ...result.outputs };
  for (const [name, folder] of Object.entries(result.resources)) {
    const resource = await store.keep(folder);
    resources[name] = resource;
    outputs[name] = resource.resource_id;
  }
  const parsed = task.output.safeParse(outputs);
  if (parsed.success) return { outputs: parsed.data, resources };
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new TerminalError('result_malformed', `${task.name} returned outputs that do not fit: ${faults}`);
}

function timedOut({ task, limits }: Attempt): TerminalError {
  const seconds = limits.timeoutMs / 1000;
  return new TerminalError('timed_out', `${task.name} was stopped after its time limit of ${seconds} s.`);
}

const resourceIdPattern = new RegExp(`^(${Object.values(resourcePrefixes).join('|')})_[a-z0-9]+$`);

function isResourceId(value: unknown): value is string {
  return typeof value === 'string' && resourceIdPattern.test(value);
}
