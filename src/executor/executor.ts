import { createHash, randomBytes } from 'node:crypto';
import type { CheckedPipeline } from '../core/check-pipeline.ts';
import { RetryableError, type TaskError, toTaskError, UserError } from '../core/errors.ts';
import type { Estimate } from '../core/estimate.ts';
import type { EventOf, TrainyardEvent } from '../core/events.ts';
import type { NodeInputs } from '../core/pipeline.ts';
import type { Resource } from '../core/resource.ts';
import type { Runner } from '../core/runner.ts';
import type { Catalogue } from '../core/task.ts';
import { type Attempts, type AttemptsOptions, Cancelled, createAttempts } from './attempts.ts';
import type { Lease, Room } from './capacity.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Journal } from './journal/journal.ts';
import { nextSteps, type Step } from './next-steps.ts';
import { nodeInputs } from './node-inputs.ts';
import {
  applyEvent,
  beginRun,
  endBackoff,
  idsOf,
  type PipelineRun,
  pipelineIds,
  readRun,
  roomFor,
  type TaskRun,
} from './pipeline-run.ts';
import { createReadyQueue, type QueuedTask, type QueuePlace } from './ready-queue.ts';
import { findReusable, type ReuseOptions, reuseKeyOf } from './reuse.ts';

export interface SubmitRequest {
  userId: string;
  conversationId?: string | undefined;
  /** The same pipeline submitted again with the same key is the first one's; another one is refused. */
  idempotencyKey?: string | undefined;
  /** What is expected of each node, by node id; kept to be compared with what it then took. */
  estimates?: Record<string, Estimate> | undefined;
}

export interface RetryRequest {
  /** Other values for some nodes, which have passed the pipeline's check. */
  inputs?: NodeInputs;
  /** What is expected of the nodes with them. */
  estimates?: Record<string, Estimate>;
}

export interface Submitted {
  pipeline_id: string;
  task_ids: string[];
}

export interface Executor {
  /**
   * Takes a pipeline that has passed its check; from then on it survives whatever happens to this process.
   * @throws RetryableError `disk_full`; then nothing has been submitted. So do `cancel` and `retry`.
   */
  submit(checked: CheckedPipeline, request: SubmitRequest): Submitted;
  /** Stops what runs and drops what waits. Returns false where the pipeline is over already. */
  cancel(pipelineId: string, userId: string): boolean;
  /**
   * Goes on from the nodes that did not succeed, some of them with other values.
   * @throws UserError where there are none.
   */
  retry(pipelineId: string, userId: string, others?: RetryRequest): void;
  /** A pipeline's state, whether it runs or is over. */
  run(pipelineId: string): PipelineRun | undefined;
  /** Where the task runs stand that wait for room, by task id. */
  queue(): ReadonlyMap<string, QueuePlace>;
  /** Why nothing goes on at the moment: the disk takes no more. */
  pausedBy(): TaskError | undefined;
  /** Where the files of an attempt are. */
  attemptFolder(attemptId: string): string;
  /** Takes up every pipeline that the journal left open. Call once, before anything else. */
  recover(): Promise<void>;
  /**
   * Starts nothing more, waits until the tasks of this process have ended, though no longer than `drainMs`, and lets
   * go of what runs by itself: the next `recover` finds it again.
   */
  close(drainMs?: number): Promise<void>;
}

export interface ExecutorOptions extends Omit<AttemptsOptions, 'clock' | 'random' | 'record' | 'hold'> {
  catalogue: Catalogue;
  reuse: ReuseOptions;
  /** Told when the disk takes no more, and with undefined when it does again. */
  onPause?: (reason: TaskError | undefined) => void;
  /** The journal broke in a way that trying again would not mend: this process must end. What runs goes on. */
  onFatal: (error: unknown) => void;
  /** Default: the system's. */
  clock?: Clock;
  random?: () => number;
}

/** What one turn decides: it is written in one transaction, and only then acted on. */
interface Turn {
  timeMs: number;
  events: TrainyardEvent[];
  /** What came into being in it: the journal has it only once the turn is written. */
  resources: Map<string, Resource>;
  /** What follows once the events are on the disk. */
  acts: (() => void)[];
}

const lookForRoomMs = 1000;
/** From so many events on that wait to be written, nobody is listened to. */
const manyEvents = 10_000;

/**
 * Runs pipelines. What to do next is decided by `nextSteps` and the queue from the journal's state alone. A turn takes
 * in everything that happened since the last one, decides what follows, writes all of it in one transaction, and only
 * then does it.
 */
export function createExecutor(options: ExecutorOptions): Executor {
  const { catalogue, journal, store, capacity, runnerFor, reuse, releaseAttempt, onBug } = options;
  const { onPause = () => {}, onFatal } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const runs = new Map<string, PipelineRun>();
  /** Runs in which something has happened since their last decision. */
  const unsettled = new Set<PipelineRun>();
  const queue = createReadyQueue();
  const timers = new Set<() => void>();
  const attempts: Attempts = createAttempts({ ...options, clock, random, record, hold: queue.hold });
  let told: { attemptId: string; event: TrainyardEvent }[] = [];
  let written = Promise.withResolvers<void>();
  let unwritten: Turn | undefined;
  let paused: TaskError | undefined;
  let scheduled = false;
  let mode: 'running' | 'recovering' | 'draining' | 'closed' = 'running';

  function record(attemptId: string, event: TrainyardEvent): Promise<void> | undefined {
    told.push({ attemptId, event });
    schedule();
    return told.length > manyEvents ? written.promise : undefined;
  }

  function schedule(): void {
    if (scheduled || mode === 'closed' || unwritten !== undefined) return;
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
    if (mode === 'closed' || unwritten !== undefined) return;
    const next: Turn = { timeMs: clock.now(), events: [], resources: new Map(), acts: [] };
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
    }
  }

  function settle(next: Turn): void {
    do {
      for (const run of unsettled) {
        unsettled.delete(run);
        for (const step of nextSteps(run)) follow(next, run, step);
      }
      if (mode === 'running') queue.serve((entry, closed) => offer(next, entry, closed));
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
      // A light task without files leaves no folder.
      if (made.length > 0 || runnerOf(run, event.node_id)?.outlivesServer) {
        next.acts.push(() => void releaseAttempt(attempts.folder(event.attempt_id)).catch(onBug));
      }
    }
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
      attempts.resourcesOf(inputs, next.resources);
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
    const result = findReusable(reuseKey, journal, store, attempts.resourcesOf);
    if (result === undefined) return false;
    put(next, { type: 'task_reused', ...idsOf(run, task), task_name: task.node.task.name, inputs, ...result });
    return true;
  }

  /** Starts a task run where there is room, else says what is lacking. */
  function offer(next: Turn, entry: QueuedTask, closed: ReadonlySet<Room>): Room | undefined {
    const { run, task, inputs } = entry;
    // An equal one may have finished while this one waited.
    if (takeEarlierResult(next, entry)) return undefined;
    const lease = capacity.take(roomFor(run, task, inputs), closed);
    if (typeof lease === 'string') return lease;
    start(next, entry, lease);
    return undefined;
  }

  function start(next: Turn, { run, task, inputs, reuseKey }: QueuedTask, lease: Lease): void {
    const previous = task.attemptId ?? task.resumesFrom;
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
    next.acts.push(() => attempts.start(run, task, lease, previous));
  }

  /** Writes a turn and then acts on it. Without room on the disk it waits, and everything with it. */
  function write(next: Turn): void {
    try {
      journal.append(next.events, { timeMs: next.timeMs });
    } catch (error) {
      if (error instanceof RetryableError) return pause(next, error);
      mode = 'closed';
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

  /** Writes what somebody asked for, at once, and takes it into account at the next turn. */
  function order(run: PipelineRun, event: TrainyardEvent): void {
    if (paused !== undefined) throw new RetryableError(paused.code, paused.message, { hint: paused.hint ?? '' });
    const timeMs = clock.now();
    journal.append([event], { timeMs });
    applyEvent(run, event, timeMs);
    unsettled.add(run);
    schedule();
  }

  /** The run in hand, or as the journal tells it. */
  function findRun(pipelineId: string): PipelineRun | undefined {
    return runs.get(pipelineId) ?? readRun(journal, pipelineId, catalogue);
  }

  function existingRun(pipelineId: string): PipelineRun {
    const run = findRun(pipelineId);
    if (run === undefined) throw new UserError('unknown_pipeline', `There is no pipeline ${pipelineId}.`);
    return run;
  }

  function submittedBefore(known: { pipeline_id: string; request: string }, request: string): Submitted {
    if (known.request === request) return submitted(existingRun(known.pipeline_id));
    throw new UserError('idempotency_key_reused', `This idempotency key stands for ${known.pipeline_id} already.`, {
      hint: 'Send another key with another pipeline.',
    });
  }

  function stopAttempts(run: PipelineRun): void {
    for (const { attemptId } of run.tasks.values()) {
      if (attemptId !== undefined) attempts.stop(attemptId, new Cancelled('The pipeline was cancelled.'));
    }
  }

  async function recoverRun(pipelineId: string): Promise<void> {
    const run = existingRun(pipelineId);
    runs.set(pipelineId, run);
    unsettled.add(run);
    for (const task of run.tasks.values()) {
      if (task.state === 'running') await attempts.recover(run, task);
      else if (task.backoff !== undefined) wakeAfter(run, task, backoffLeft(task.backoff));
    }
    if (run.cancelRequested) stopAttempts(run);
  }

  async function stopStrays(): Promise<void> {
    const tasks = [...catalogue.values()].filter(({ work }) => work.where !== 'service');
    const runners = new Set<Runner>(tasks.map(runnerFor));
    for (const runner of runners) await runner.stopStrays?.(options.attemptsDirectory, attempts.isLive).catch(onBug);
  }

  /** What was waited for while nobody looked counts; a clock that was set meanwhile does not. */
  function backoffLeft({ sinceMs, delayMs }: NonNullable<TaskRun['backoff']>): number {
    return Math.min(delayMs, Math.max(0, sinceMs + delayMs - clock.now()));
  }

  return {
    attemptFolder: attempts.folder,
    run: findRun,
    queue: queue.places,
    pausedBy: () => paused,

    submit(checked, { userId, conversationId, idempotencyKey, estimates }) {
      const request = createHash('sha256').update(JSON.stringify(checked.pipeline)).digest('hex');
      const known = idempotencyKey === undefined ? undefined : journal.submission(userId, idempotencyKey);
      if (known !== undefined) return submittedBefore(known, request);
      const pipeline_id = freeId(journal, checked.pipeline.pipeline_id);
      const ids = newId('task');
      // One after the other, as an index likes them.
      const task_ids: Record<string, string> = {};
      let index = 0;
      for (const node of checked.nodes.keys()) task_ids[node] = `${ids}${String(index++).padStart(4, '0')}`;
      const event: EventOf<'pipeline_submitted'> = {
        type: 'pipeline_submitted',
        pipeline_id,
        ...(conversationId !== undefined && { conversation_id: conversationId }),
        user_id: userId,
        pipeline: { ...checked.pipeline, pipeline_id },
        task_ids,
        ...(estimates !== undefined && { estimates }),
      };
      const submission = idempotencyKey === undefined ? undefined : { userId, key: idempotencyKey, request };
      const timeMs = clock.now();
      const seq = journal.append([event], { submission, timeMs });
      const run = beginRun(event, checked, { seq, timeMs });
      runs.set(pipeline_id, run);
      unsettled.add(run);
      schedule();
      return submitted(run);
    },

    cancel(pipelineId, userId) {
      const run = existingRun(pipelineId);
      if (run.state !== 'running') return false;
      order(run, { type: 'pipeline_cancel_requested', ...pipelineIds(run), user_id: userId });
      stopAttempts(run);
      return true;
    },

    retry(pipelineId, userId, others = {}) {
      const run = existingRun(pipelineId);
      if (run.state === 'running') throw new UserError('still_running', `${pipelineId} is still running.`);
      if (run.state === 'succeeded') {
        throw new UserError(
          'nothing_to_retry',
          `Every node of ${pipelineId} has succeeded; nothing is to be retried.`,
          {
            hint: 'Say "run it again from scratch" to run all of it anew.',
          },
        );
      }
      order(run, { type: 'pipeline_retried', ...pipelineIds(run), user_id: userId, ...others });
      runs.set(pipelineId, run);
    },

    async recover() {
      // Nothing starts before all that runs already is known.
      mode = 'recovering';
      let isWhole = true;
      for (const { pipeline_id } of journal.pipelines({ state: 'running', limit: Number.MAX_SAFE_INTEGER })) {
        // What cannot be taken up, such as a pipeline whose task is gone, is left as it is and keeps no one else.
        await recoverRun(pipeline_id).catch((error: unknown) => {
          isWhole = false;
          onBug(error);
        });
      }
      // Else what runs for a pipeline that was left alone would be taken for a stray.
      if (isWhole) await stopStrays();
      if (mode === 'recovering') mode = 'running';
      schedule();
    },

    async close(drainMs = 0) {
      mode = 'draining';
      if (drainMs > 0) await attempts.finishInProcess(drainMs);
      turn();
      mode = 'closed';
      written.resolve();
      for (const forget of timers) forget();
      await attempts.close();
    },
  };
}

function submitted(run: PipelineRun): Submitted {
  return { pipeline_id: run.pipeline_id, task_ids: [...run.tasks.values()].map((task) => task.task_id) };
}

/** The id that a pipeline's author wrote where it is free, else with a number behind it; else a new one. */
function freeId(journal: Journal, written: string | undefined): string {
  if (written === undefined) return `pipeline_${randomBytes(6).toString('hex')}`;
  if (journal.pipeline(written) === undefined) return written;
  let number = 2;
  while (journal.pipeline(`${written}_${number}`) !== undefined) number += 1;
  return `${written}_${number}`;
}

const idBytes = 8;
/** Random bytes in store: asking the system for each id's own costs more than all else that an id does. */
const pool = { bytes: Buffer.alloc(0), next: 0 };

function newId(prefix: string): string {
  if (pool.next + idBytes > pool.bytes.length) Object.assign(pool, { bytes: randomBytes(idBytes * 512), next: 0 });
  const id = pool.bytes.toString('hex', pool.next, pool.next + idBytes);
  pool.next += idBytes;
  return `${prefix}_${id}`;
}
