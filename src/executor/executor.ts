import { createHash, randomBytes } from 'node:crypto';
import { type CheckedPipeline, checkPipeline } from '../core/check-pipeline.ts';
import { toTaskError, UserError } from '../core/errors.ts';
import type { EventOf, Frame, TrainyardEvent } from '../core/events.ts';
import type { NodeInputs } from '../core/pipeline.ts';
import type { Catalogue } from '../core/task.ts';
import { type AttemptsOptions, Cancelled, createAttempts } from './attempts.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Journal } from './journal.ts';
import { nextSteps, type Step } from './next-steps.ts';
import { nodeInputs } from './node-inputs.ts';
import { applyFrame, beginRun, idsOf, type PipelineRun, pipelineIds, type TaskRun } from './pipeline-run.ts';

export interface SubmitRequest {
  userId: string;
  conversationId?: string;
  /** The same pipeline submitted again with the same key is the first one's; another one is refused. */
  idempotencyKey?: string;
}

export interface Submitted {
  pipeline_id: string;
  task_ids: string[];
}

export interface Executor {
  /** Takes a pipeline that has passed its check; from then on it survives whatever happens to this process. */
  submit(checked: CheckedPipeline, request: SubmitRequest): Submitted;
  /** Stops what runs and drops what waits. Returns false where the pipeline is over already. */
  cancel(pipelineId: string, userId: string): boolean;
  /**
   * Goes on from the nodes that did not succeed; `inputs`, which have passed the pipeline's check, are other values
   * for some of them. @throws UserError where there are none.
   */
  retry(pipelineId: string, userId: string, inputs?: NodeInputs): void;
  /** A pipeline's state, whether it runs or is over. */
  run(pipelineId: string): PipelineRun | undefined;
  /** Where the files of an attempt are. */
  attemptFolder(attemptId: string): string;
  /** Takes up every pipeline that the journal left open. Call once, before anything else. */
  recover(): Promise<void>;
  /** Lets go of what runs; isolated tasks go on and are found again by `recover`. */
  close(): Promise<void>;
}

export interface ExecutorOptions extends Omit<AttemptsOptions, 'clock' | 'random' | 'record'> {
  catalogue: Catalogue;
  /** Removes what an attempt no longer needs once its result is in the journal. */
  releaseAttempt: (folder: string) => Promise<void>;
  /** Default: the system's. */
  clock?: Clock;
  random?: () => number;
}

/** Whether a start of that weight has found no room: then none after it is tried in the same turn. */
type Full = Record<'heavy' | 'light', boolean>;

/**
 * Runs pipelines. What to do next is decided by `nextSteps` from the journal's state alone; here it is
 * written to the journal first and then done. Everything that happens meanwhile is gathered and written in
 * one transaction at the next turn of the event loop.
 */
export function createExecutor(options: ExecutorOptions): Executor {
  const { catalogue, journal, capacity, runnerFor, releaseAttempt, onBug } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const runs = new Map<string, PipelineRun>();
  const timers = new Set<() => void>();
  const attempts = createAttempts({ ...options, clock, random, record });
  let pending: TrainyardEvent[] = [];
  let scheduled = false;
  let closed = false;

  function record(event: TrainyardEvent): void {
    pending.push(event);
    schedule();
  }

  function schedule(): void {
    if (scheduled || closed) return;
    scheduled = true;
    clock.soon(() => {
      scheduled = false;
      if (!closed) tick();
    });
  }

  function scheduleAt(timeMs: number): void {
    const forget = clock.at(timeMs, () => {
      timers.delete(forget);
      schedule();
    });
    timers.add(forget);
  }

  /** Writes what has happened, decides what follows, writes that, and only then starts it. */
  function tick(): void {
    writePending();
    const starts: (() => void)[] = [];
    for (let events = decide(starts); events.length > 0; events = decide(starts)) write(events);
    for (const start of starts) start();
  }

  function writePending(): void {
    const events = pending;
    pending = [];
    write(events);
  }

  function write(events: TrainyardEvent[]): void {
    if (events.length === 0) return;
    for (const frame of journal.append(events)) apply(frame);
  }

  function apply(frame: Frame): void {
    const run = 'pipeline_id' in frame ? runs.get(frame.pipeline_id) : undefined;
    if (run === undefined) return;
    applyFrame(run, frame);
    if (frame.type === 'pipeline_finished') runs.delete(run.pipeline_id);
    if (frame.type === 'attempt_failed') scheduleAt(Date.parse(frame.retry_at));
    if (frame.type === 'task_succeeded') releaseAttempt(attempts.folder(frame.attempt_id)).catch(onBug);
  }

  function decide(starts: (() => void)[]): TrainyardEvent[] {
    const full: Full = { heavy: false, light: false };
    return [...runs.values()].flatMap((run) =>
      nextSteps(run, clock.now()).flatMap((step) => eventOf(run, step, starts, full) ?? []),
    );
  }

  function eventOf(run: PipelineRun, step: Step, starts: (() => void)[], full: Full): TrainyardEvent | undefined {
    switch (step.do) {
      case 'start':
        return startEvent(run, step.task, starts, full);
      case 'skip':
        return { type: 'task_skipped', ...idsOf(run, step.task), because: step.because };
      case 'cancel':
        return { type: 'task_cancelled', ...idsOf(run, step.task) };
      case 'finish': {
        const seconds = (clock.now() - run.submittedAtMs) / 1000;
        return { type: 'pipeline_finished', ...pipelineIds(run), state: step.state, seconds };
      }
    }
  }

  /** The event of a start for which there is room, or of a failure to get that far; undefined where it waits. */
  function startEvent(run: PipelineRun, task: TaskRun, starts: (() => void)[], full: Full): TrainyardEvent | undefined {
    const weight = task.node.task.requiresIsolation ? 'heavy' : 'light';
    if (full[weight]) return undefined;
    try {
      const inputs = nodeInputs(run, task);
      attempts.resourcesOf(inputs);
      const lease = capacity.take(task.node.task, inputs);
      full[weight] = lease === undefined;
      if (lease === undefined) return undefined;
      const previous = task.attemptId ?? task.resumesFrom;
      starts.push(() => attempts.start(run, task, lease, previous));
      return {
        type: 'task_started',
        ...idsOf(run, task),
        attempt_id: `att_${randomBytes(8).toString('hex')}`,
        task_name: task.node.task.name,
        attempt: task.attempts + 1,
        runner: runnerFor(task.node.task).name,
        inputs,
        ...(lease.limits.gpus.length > 0 && { gpus: [...lease.limits.gpus] }),
      };
    } catch (error) {
      return { type: 'task_failed', ...idsOf(run, task), error: toTaskError(error), seconds: 0 };
    }
  }

  /** The run as the journal tells it, or the one in hand. */
  function findRun(pipelineId: string): PipelineRun | undefined {
    const known = runs.get(pipelineId);
    if (known !== undefined) return known;
    let run: PipelineRun | undefined;
    for (const frame of framesOf(journal, pipelineId)) {
      if (frame.type === 'pipeline_submitted') run = beginRun(frame, checkPipeline(frame.pipeline, catalogue));
      else if (run !== undefined) applyFrame(run, frame);
    }
    return run;
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

  /** What cannot be taken up, such as a pipeline whose task is gone, is left as it is and keeps no one else. */
  async function recoverPipeline(pipelineId: string): Promise<void> {
    const run = existingRun(pipelineId);
    runs.set(pipelineId, run);
    await recoverRun(run);
  }

  async function recoverRun(run: PipelineRun): Promise<void> {
    for (const task of run.tasks.values()) {
      if (task.state === 'running') await attempts.recover(run, task);
      else if (task.retryAtMs !== undefined) scheduleAt(task.retryAtMs);
    }
    if (run.cancelRequested) stopAttempts(run);
  }

  return {
    attemptFolder: attempts.folder,
    run: findRun,

    submit(checked, { userId, conversationId, idempotencyKey }) {
      const request = createHash('sha256').update(JSON.stringify(checked.pipeline)).digest('hex');
      const known = idempotencyKey === undefined ? undefined : journal.submission(userId, idempotencyKey);
      if (known !== undefined) return submittedBefore(known, request);
      const pipeline_id = freeId(journal, checked.pipeline.pipeline_id);
      const taskIds = [...checked.nodes.keys()].map((node) => [node, `task_${randomBytes(8).toString('hex')}`]);
      const event: EventOf<'pipeline_submitted'> = {
        type: 'pipeline_submitted',
        pipeline_id,
        ...(conversationId !== undefined && { conversation_id: conversationId }),
        user_id: userId,
        pipeline: { ...checked.pipeline, pipeline_id },
        task_ids: Object.fromEntries(taskIds),
      };
      const [frame] = journal.append(
        [event],
        idempotencyKey === undefined ? undefined : { userId, key: idempotencyKey, request },
      );
      if (frame?.type !== 'pipeline_submitted') throw new Error('The journal lost a submission.');
      const run = beginRun(frame, checked);
      runs.set(pipeline_id, run);
      schedule();
      return submitted(run);
    },

    cancel(pipelineId, userId) {
      const run = existingRun(pipelineId);
      if (run.state !== 'running') return false;
      write([{ type: 'pipeline_cancel_requested', ...pipelineIds(run), user_id: userId }]);
      stopAttempts(run);
      schedule();
      return true;
    },

    retry(pipelineId, userId, inputs) {
      const run = existingRun(pipelineId);
      if (run.state === 'running') throw new UserError('still_running', `${pipelineId} is still running.`);
      if (run.state === 'succeeded') {
        throw new UserError('nothing_to_retry', `Every node of ${pipelineId} has succeeded; nothing is to be retried.`);
      }
      runs.set(pipelineId, run);
      const others = inputs === undefined ? {} : { inputs };
      write([{ type: 'pipeline_retried', ...pipelineIds(run), user_id: userId, ...others }]);
      schedule();
    },

    async recover() {
      for (const { pipeline_id } of journal.pipelines({ state: 'running', limit: Number.MAX_SAFE_INTEGER })) {
        await recoverPipeline(pipeline_id).catch(onBug);
      }
      schedule();
    },

    async close() {
      writePending();
      closed = true;
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

const pageSize = 1000;

function* framesOf(journal: Journal, pipelineId: string): Generator<Frame> {
  let after = 0;
  for (;;) {
    const page = journal.read({ after, limit: pageSize, pipelineId });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = last.seq;
  }
}
