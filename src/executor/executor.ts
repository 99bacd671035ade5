import { createHash, randomBytes } from 'node:crypto';
import type { CheckedPipeline } from '../core/check-pipeline.ts';
import { type TaskError, UserError } from '../core/errors.ts';
import type { Estimate } from '../core/estimate.ts';
import type { EventOf } from '../core/events.ts';
import type { NodeInputs } from '../core/pipeline.ts';
import type { Runner } from '../core/runner.ts';
import type { Catalogue } from '../core/task.ts';
import { Cancelled } from './attempts.ts';
import type { Journal } from './journal/journal.ts';
import { refuseForeign } from './owned-inputs.ts';
import { beginRun, type PipelineRun, pipelineIds, readRun, type TaskRun } from './pipeline-run.ts';
import type { QueuePlace } from './ready-queue.ts';
import { createTurns, newId, type TurnsOptions } from './turns.ts';

export interface SubmitRequest {
  userId: string;
  conversationId?: string | undefined;
  /** The same pipeline submitted again with the same key is the first one's; another one is refused. */
  idempotencyKey?: string | undefined;
  /**
   * Says what is expected of each node, by node id, to be compared with what it then took, or throws what forbids the
   * start. Not asked where the key has been used already.
   */
  admit?: (() => Record<string, Estimate>) | undefined;
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
   * @throws UserError `unknown_resource` for what the user does not have. So does `retry`.
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
  /** How many task runs run. */
  runningTasks(): number;
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

export interface ExecutorOptions extends TurnsOptions {
  catalogue: Catalogue;
}

/** Runs pipelines: takes what is asked for, and has `turns.ts` move everything on. */
export function createExecutor(options: ExecutorOptions): Executor {
  const { catalogue, journal, runnerFor, onBug } = options;
  const turns = createTurns(options);
  const { attempts } = turns;
  let isClosed = false;

  /** The run in hand, or as the journal tells it. */
  function findRun(pipelineId: string): PipelineRun | undefined {
    return turns.runOf(pipelineId) ?? readRun(journal, pipelineId, catalogue);
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
    turns.add(run);
    for (const task of run.tasks.values()) {
      if (task.state === 'running') await attempts.recover(run, task);
      else if (task.backoff !== undefined) turns.wakeAfter(run, task, backoffLeft(task.backoff));
    }
    if (run.cancelRequested) stopAttempts(run);
  }

  async function stopStrays(): Promise<void> {
    const tasks = [...catalogue.values()].filter(({ work }) => work.where !== 'service');
    const runners = new Set<Runner>([...tasks.map(runnerFor), ...(options.formerRunners ?? [])]);
    for (const runner of runners) await runner.stopStrays?.(options.attemptsDirectory, attempts.isLive).catch(onBug);
  }

  /** What was waited for while nobody looked counts; a clock that was set meanwhile does not. */
  function backoffLeft({ sinceMs, delayMs }: NonNullable<TaskRun['backoff']>): number {
    return Math.min(delayMs, Math.max(0, sinceMs + delayMs - turns.clock.now()));
  }

  return {
    attemptFolder: attempts.folder,
    run: findRun,
    queue: turns.places,
    runningTasks: attempts.count,
    pausedBy: turns.pausedBy,

    submit(checked, { userId, conversationId, idempotencyKey, admit }) {
      const request = createHash('sha256').update(JSON.stringify(checked.pipeline)).digest('hex');
      const known = idempotencyKey === undefined ? undefined : journal.submission(userId, idempotencyKey);
      if (known !== undefined) return submittedBefore(known, request);
      refuseForeign(checked.nodes, userId, journal);
      const estimates = admit?.();
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
      const timeMs = turns.clock.now();
      const seq = turns.append([event], { submission, timeMs });
      const run = beginRun(event, checked, { seq, timeMs });
      turns.add(run);
      return submitted(run);
    },

    cancel(pipelineId, userId) {
      const run = existingRun(pipelineId);
      if (run.state !== 'running') return false;
      turns.order(run, { type: 'pipeline_cancel_requested', ...pipelineIds(run), user_id: userId });
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
      refuseForeign(withInputs(run.checked.nodes, others.inputs), userId, journal);
      turns.order(run, { type: 'pipeline_retried', ...pipelineIds(run), user_id: userId, ...others });
      turns.add(run);
    },

    async recover() {
      // Nothing starts before all that runs already is known.
      turns.holdStarts();
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
      if (!isClosed) turns.allowStarts();
    },

    async close(drainMs = 0) {
      isClosed = true;
      turns.holdStarts();
      if (drainMs > 0) await attempts.finishInProcess(drainMs);
      turns.end();
      await attempts.close();
    },
  };
}

/** The nodes that get other values, with these alone. */
function withInputs(nodes: CheckedPipeline['nodes'], inputs: NodeInputs = {}): CheckedPipeline['nodes'] {
  const changed = [...nodes.values()].filter(({ node_id }) => inputs[node_id] !== undefined);
  return new Map(changed.map((node) => [node.node_id, { ...node, values: inputs[node.node_id] ?? {} }]));
}

function submitted(run: PipelineRun): Submitted {
  return { pipeline_id: run.pipeline_id, task_ids: [...run.tasks.values()].map((task) => task.task_id) };
}

const longestNumberedId = 180;

/** The id that a pipeline's author wrote where it is free, else with a number behind it; else a new one. */
function freeId(journal: Journal, written: string | undefined): string {
  if (written === undefined) return `pipeline_${randomBytes(6).toString('hex')}`;
  if (journal.pipeline(written) === undefined) return written;
  // An id has a length, with the number, too.
  const base = written.slice(0, longestNumberedId);
  let number = 2;
  while (journal.pipeline(`${base}_${number}`) !== undefined) number += 1;
  return `${base}_${number}`;
}
