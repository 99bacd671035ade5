import { randomBytes } from 'node:crypto';
import { RetryableError, type TaskError, toTaskError } from '../core/errors.ts';
import type { EventOf, TrainyardEvent } from '../core/events.ts';
import type { Resource } from '../core/resource.ts';
import type { Runner } from '../core/runner.ts';
import { type Attempts, type AttemptsOptions, createAttempts } from './attempts.ts';
import type { Capacity, Lease, Room } from './capacity.ts';
import { type Clock, systemClock } from './clock.ts';
import type { AppendOptions, ReusableResult } from './journal/journal.ts';
import { nextSteps, type Step } from './next-steps.ts';
import { nodeInputs } from './node-inputs.ts';
import { applyEvent, endBackoff, idsOf, type PipelineRun, pipelineIds, roomFor, type TaskRun } from './pipeline-run.ts';
import { createReadyQueue, type QueuedTask, type QueuePlace } from './ready-queue.ts';
import { isWhole, type ReuseOptions, reuseKeyOf } from './reuse.ts';

export interface TurnsOptions extends Omit<AttemptsOptions, 'clock' | 'random' | 'record' | 'retake'> {
  capacity: Capacity;
  reuse: ReuseOptions;
  /** Told when the disk takes no more, and with undefined when it does again. */
  onPause?: (reason: TaskError | undefined) => void;
  /** The journal broke in a way that trying again would not mend: this process must end. What runs goes on. */
  onFatal: (error: unknown) => void;
  /** Default: the system's. */
  clock?: Clock;
  random?: () => number;
}

/** The pipelines that are not over, moved on turn by turn. */
export interface Turns {
  attempts: Attempts;
  clock: Clock;
  runOf(pipelineId: string): PipelineRun | undefined;
  /** Takes a run up: from now on it moves. */
  add(run: PipelineRun): void;
  /**
   * Writes what somebody asked for, at once, and takes it into account at the next turn.
   * @throws RetryableError `disk_full`; then nothing has happened.
   */
  order(run: PipelineRun, event: TrainyardEvent): void;
  /** Writes at once. @throws RetryableError `disk_full`; then nothing has been written. */
  append(events: readonly TrainyardEvent[], options: AppendOptions): number;
  /** Ends the backoff of a task run after this time. */
  wakeAfter(run: PipelineRun, task: TaskRun, delayMs: number): void;
  places(): ReadonlyMap<string, QueuePlace>;
  /** Why nothing goes on at the moment: the disk takes no more. */
  pausedBy(): TaskError | undefined;
  /** Nothing starts before `allowStarts`. */
  holdStarts(): void;
  allowStarts(): void;
  /** Ends the turns, after one more for what has been told. */
  end(): void;
}

/** What one turn decides: it is written in one transaction, and only then acted on. */
interface Turn {
  timeMs: number;
  events: TrainyardEvent[];
  /** What came into being in it: the journal has it only once the turn is written. */
  resources: Map<string, Resource>;
  /** Results of it that equal task runs may take, by reuse key. */
  results: Map<string, ReusableResult>;
  /** What follows once the events are on the disk. */
  acts: (() => void)[];
}

/** What an attempt tells last. */
const endings: ReadonlySet<TrainyardEvent['type']> = new Set([
  'task_succeeded',
  'attempt_failed',
  'task_failed',
  'task_cancelled',
]);

const lookForRoomMs = 1000;
/** From so many events on that wait to be written, nobody is listened to. */
const manyEvents = 10_000;

/**
 * What to do next is decided by `nextSteps` and the queue from the journal's state alone. A turn takes in everything
 * that happened since the last one, decides what follows, writes all of it in one transaction, and only then does it.
 */
export function createTurns(options: TurnsOptions): Turns {
  const { journal, store, capacity, runnerFor, reuse, releaseAttempt, onBug, onFatal } = options;
  const { onPause = () => {} } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const runs = new Map<string, PipelineRun>();
  /** Runs in which something has happened since their last decision. */
  const unsettled = new Set<PipelineRun>();
  const queue = createReadyQueue();
  const timers = new Set<() => void>();
  const attempts: Attempts = createAttempts({ ...options, clock, random, record, retake });
  let told: { attemptId: string; event: TrainyardEvent }[] = [];
  let written = Promise.withResolvers<void>();
  let unwritten: Turn | undefined;
  let paused: TaskError | undefined;
  let scheduled = false;
  let mayStart = true;
  let hasEnded = false;

  function record(attemptId: string, event: TrainyardEvent): Promise<void> | undefined {
    told.push({ attemptId, event });
    schedule();
    return told.length > manyEvents ? written.promise : undefined;
  }

  function schedule(): void {
    if (scheduled || hasEnded || unwritten !== undefined) return;
    scheduled = true;
    clock.soon(() => {
      scheduled = false;
      turn();
    });
  }

  function later(delayMs: number, run: () => void): void {
    const forget = clock.after(delayMs, () => {
      timers.delete(forget);
      run();
    });
    timers.add(forget);
  }

  function turn(): void {
    if (hasEnded || unwritten !== undefined) return;
    const next: Turn = { timeMs: clock.now(), events: [], resources: new Map(), results: new Map(), acts: [] };
    takeIn(next);
    settle(next);
    write(next);
  }

  /** Of what attempts told, that of the ones that are the latest of their task run and not over. */
  function takeIn(next: Turn): void {
    const news = told;
    told = [];
    for (const { attemptId, event } of news) {
      const task = 'node_id' in event ? runs.get(event.pipeline_id)?.tasks.get(event.node_id) : undefined;
      if (task?.attemptId === attemptId && task.state === 'running') put(next, event);
      if (endings.has(event.type)) next.acts.push(() => attempts.release(attemptId));
      if (event.type === 'task_succeeded') next.acts.push(() => releaseMade(event));
    }
  }

  /** What came of it is in the journal, or never will be. */
  function releaseMade({ resources }: EventOf<'task_succeeded'>): void {
    for (const name in resources) if (resources[name] !== undefined) store.release(resources[name]);
  }

  function settle(next: Turn): void {
    do {
      for (const run of unsettled) {
        unsettled.delete(run);
        for (const step of nextSteps(run)) follow(next, run, step);
      }
      if (mayStart) queue.serve((entry, closed) => offer(next, entry, closed));
    } while (unsettled.size > 0);
  }

  /** Adds an event to the turn and moves its run on. */
  function put(next: Turn, event: TrainyardEvent): void {
    next.events.push(event);
    const run = 'pipeline_id' in event ? runs.get(event.pipeline_id) : undefined;
    if (run === undefined) return;
    applyEvent(run, event, next.timeMs);
    unsettled.add(run);
    if (event.type === 'pipeline_finished') runs.delete(run.pipeline_id);
    if (event.type === 'attempt_failed') holdBack(run, event.node_id, next);
    if (event.type === 'task_succeeded') {
      const made = Object.values(event.resources);
      for (const resource of made) next.resources.set(resource.resource_id, resource);
      keepResult(next, run, event);
      // A light task without files leaves no folder.
      if (made.length > 0 || runnerOf(run, event.node_id)?.outlivesServer) {
        next.acts.push(() => void releaseAttempt(attempts.folder(event.attempt_id)).catch(onBug));
      }
    }
  }

  function keepResult({ results }: Turn, run: PipelineRun, event: EventOf<'task_succeeded'>): void {
    const { pipeline_id, task_id, node_id, outputs, seconds } = event;
    const reuseKey = run.tasks.get(node_id)?.reuseKey;
    if (reuseKey !== undefined) results.set(reuseKey, { outputs, seconds, original: { pipeline_id, task_id } });
  }

  function runnerOf(run: PipelineRun, nodeId: string): Runner | undefined {
    const task = run.tasks.get(nodeId)?.node.task;
    return task && runnerFor(task);
  }

  function holdBack(run: PipelineRun, nodeId: string, { acts }: Pick<Turn, 'acts'>): void {
    const task = run.tasks.get(nodeId);
    const delayMs = task?.backoff?.delayMs;
    if (task === undefined || delayMs === undefined) return;
    acts.push(() => wakeAfter(run, task, delayMs));
  }

  function wakeAfter(run: PipelineRun, task: TaskRun, delayMs: number): void {
    later(delayMs, () => {
      if (!endBackoff(run, task)) return;
      unsettled.add(run);
      schedule();
    });
  }

  function follow(next: Turn, run: PipelineRun, step: Step): void {
    switch (step.do) {
      case 'enqueue':
        return enqueue(next, run, step.task);
      case 'skip':
        return put(next, { type: 'task_skipped', ...idsOf(run, step.task), because: step.because });
      case 'cancel':
        return put(next, { type: 'task_cancelled', ...idsOf(run, step.task) });
      case 'finish': {
        const seconds = Math.max(0, next.timeMs - run.submittedAtMs) / 1000;
        return put(next, { type: 'pipeline_finished', ...pipelineIds(run), state: step.state, seconds });
      }
    }
  }

  function enqueue(next: Turn, run: PipelineRun, task: TaskRun): void {
    run.ready.delete(task.node.node_id);
    try {
      const inputs = nodeInputs(run, task);
      attempts.resourcesOf(task.node.task, inputs, next.resources);
      const reuseKey = reuseKeyOf(run.user_id, task.node.task, inputs, reuse);
      const entry: QueuedTask = { run, task, inputs, reuseKey };
      if (!takeEarlierResult(next, entry)) queue.add(entry);
    } catch (error) {
      put(next, { type: 'task_failed', ...idsOf(run, task), error: toTaskError(error), seconds: 0 });
    }
  }

  /** Lets the result of an equal run stand for this one. Returns false where there is none, or it is not wanted. */
  function takeEarlierResult(next: Turn, { run, task, inputs, reuseKey }: QueuedTask): boolean {
    if (reuseKey === undefined || task.node.policy.reuse === false) return false;
    const result = next.results.get(reuseKey) ?? journal.reusableResult(reuseKey);
    const resource = (id: string) => next.resources.get(id) ?? journal.resource(id);
    if (result === undefined || !isWhole(task.node.task, result, store, resource)) return false;
    put(next, { type: 'task_reused', ...idsOf(run, task), task_name: task.node.task.name, inputs, ...result });
    return true;
  }

  /** Starts a task run where there is room, else says what is lacking. */
  function offer(next: Turn, entry: QueuedTask, closed: ReadonlySet<Room>): Room | undefined {
    // An equal one may have finished while this one waited.
    if (takeEarlierResult(next, entry)) return undefined;
    const lease = capacity.take(roomFor(entry.run, entry.task, entry.inputs), closed);
    if (typeof lease === 'string') return lease;
    start(next, entry, withHold(entry.run, lease));
    return undefined;
  }

  /** As long as it holds the room, it counts as a running one of its pipeline and user. */
  function withHold(run: PipelineRun, { limits, release }: Lease): Lease {
    const endHold = queue.hold(run);
    return {
      limits,
      release() {
        release();
        endHold();
      },
    };
  }

  function retake(run: PipelineRun, task: TaskRun): Lease {
    return withHold(run, capacity.retake(roomFor(run, task, task.inputs), task.gpus));
  }

  function start(next: Turn, { run, task, inputs, reuseKey }: QueuedTask, lease: Lease): void {
    const { gpus } = lease.limits;
    put(next, {
      type: 'task_started',
      ...idsOf(run, task),
      attempt_id: newId('att'),
      task_name: task.node.task.name,
      attempt: task.attempts + 1,
      runner: runnerFor(task.node.task).name,
      inputs,
      ...(gpus.length > 0 && { gpus: [...gpus] }),
      ...(reuseKey !== undefined && { reuse_key: reuseKey }),
    });
    next.acts.push(() => attempts.start(run, task, lease));
  }

  /** Writes a turn and then acts on it. Without room on the disk it waits, and everything with it. */
  function write(next: Turn): void {
    try {
      journal.append(next.events, { timeMs: next.timeMs });
    } catch (error) {
      if (error instanceof RetryableError) return pause(next, error);
      hasEnded = true;
      return onFatal(error);
    }
    for (const act of next.acts) act();
    written.resolve();
    written = Promise.withResolvers();
  }

  function pause(next: Turn, error: RetryableError): void {
    unwritten = next;
    if (paused === undefined) onPause(toTaskError(error));
    paused = toTaskError(error);
    later(lookForRoomMs, () => {
      unwritten = undefined;
      write(next);
      if (unwritten !== undefined) return;
      paused = undefined;
      onPause(undefined);
      schedule();
    });
  }

  /** As the journal's own; where that breaks, this process has to end. */
  function append(events: readonly TrainyardEvent[], appendOptions: AppendOptions): number {
    try {
      return journal.append(events, appendOptions);
    } catch (error) {
      if (!(error instanceof RetryableError)) {
        hasEnded = true;
        onFatal(error);
      }
      throw error;
    }
  }

  function order(run: PipelineRun, event: TrainyardEvent): void {
    if (paused !== undefined) throw new RetryableError(paused.code, paused.message, { hint: paused.hint ?? '' });
    const timeMs = clock.now();
    append([event], { timeMs });
    applyEvent(run, event, timeMs);
    unsettled.add(run);
    schedule();
  }

  return {
    attempts,
    clock,
    runOf: (pipelineId) => runs.get(pipelineId),

    add(run) {
      runs.set(run.pipeline_id, run);
      unsettled.add(run);
      schedule();
    },

    append,
    order,
    wakeAfter,
    places: queue.places,
    pausedBy: () => paused,

    holdStarts() {
      mayStart = false;
    },

    allowStarts() {
      mayStart = true;
      schedule();
    },

    end() {
      turn();
      hasEnded = true;
      written.resolve();
      for (const forget of timers) forget();
    },
  };
}

const idBytes = 8;
/** Random bytes in store: asking the system for each id's own costs more than all else that an id does. */
const pool = { bytes: Buffer.alloc(0), next: 0 };

export function newId(prefix: string): string {
  if (pool.next + idBytes > pool.bytes.length) Object.assign(pool, { bytes: randomBytes(idBytes * 512), next: 0 });
  const id = pool.bytes.toString('hex', pool.next, pool.next + idBytes);
  pool.next += idBytes;
  return `${prefix}_${id}`;
}
