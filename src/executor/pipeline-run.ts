import { type CheckedNode, type CheckedPipeline, checkPipeline } from '../core/check-pipeline.ts';
import type { TaskError } from '../core/errors.ts';
import type { Estimate } from '../core/estimate.ts';
import type { EventOf, TaskEnvironment, TrainyardEvent, Usage } from '../core/events.ts';
import { type NodeInputs, overrideInputs } from '../core/pipeline.ts';
import type { Catalogue } from '../core/task.ts';
import type { Journal, PipelineState } from './journal/journal.ts';
import { countTry, longestBackoffMs, noTries, type Tries } from './retry.ts';

export type TaskState = 'waiting' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';

/** The execution of one node, as far as the journal tells. */
export interface TaskRun {
  task_id: string;
  node: CheckedNode;
  state: TaskState;
  /** Tries so far. */
  attempts: number;
  /** How those of this round have ended that brought no result. */
  tries: Tries;
  /** The latest try. */
  attemptId?: string;
  /** When it started, in ms since 1970. */
  attemptStartedAtMs?: number;
  /** GPUs that it holds. */
  gpus: readonly string[];
  /** Earlier tries whose checkpoints are still good for the next one, latest first. */
  earlierAttempts: readonly string[];
  /** That of its latest start. */
  reuseKey?: string;
  /** Bytes of that try's `events.jsonl` that are in the journal. */
  offset: number;
  /** When the first try of this round started, in ms since 1970. */
  startedAtMs?: number;
  seconds?: number;
  /** Set while the next try is held back: since when, in ms since 1970, and for how long. */
  backoff?: { sinceMs: number; delayMs: number };
  /** The run whose result stands for this one's. */
  reusedFrom?: EventOf<'task_reused'>['original'];
  usage?: Usage;
  /** How the latest try runs, as the runner is called. */
  runner?: string;
  /** In what it runs, where the runner has said so. */
  environment?: TaskEnvironment;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
  progress?: Pick<EventOf<'task_progress'>, 'phase' | 'step' | 'total' | 'eta_seconds' | 'metrics'>;
  error?: TaskError;
  /** Dependencies that have not succeeded yet. */
  waitingFor: number;
}

/** One submitted pipeline. Changed by `applyEvent` and `endBackoff` alone. */
export interface PipelineRun {
  pipeline_id: string;
  /** Sequence number of its submission. */
  seq: number;
  user_id: string;
  conversation_id: string | undefined;
  checked: CheckedPipeline;
  priority: number;
  /** What was expected of each node. */
  estimates: Record<string, Estimate>;
  submittedAtMs: number;
  state: PipelineState;
  cancelRequested: boolean;
  tasks: Map<string, TaskRun>;
  dependants: ReadonlyMap<string, readonly string[]>;
  /** Nodes whose dependencies have all succeeded. */
  ready: Set<string>;
  /** Nodes that cannot run any more, each with the node that stopped it. */
  doomed: Map<string, string>;
  /** Nodes in no final state. */
  open: number;
}

/** The run that a `pipeline_submitted` begins. */
export function beginRun(
  event: EventOf<'pipeline_submitted'>,
  checked: CheckedPipeline,
  { seq, timeMs }: { seq: number; timeMs: number },
): PipelineRun {
  const tasks = new Map<string, TaskRun>();
  for (const node of checked.nodes.values()) {
    const task_id = event.task_ids[node.node_id] ?? '';
    tasks.set(node.node_id, { task_id, node, ...notStarted(), waitingFor: node.dependsOn.length });
  }
  return {
    pipeline_id: event.pipeline_id,
    seq,
    user_id: event.user_id,
    conversation_id: event.conversation_id,
    checked,
    priority: checked.pipeline.priority ?? 0,
    estimates: event.estimates ?? {},
    submittedAtMs: timeMs,
    state: 'running',
    cancelRequested: false,
    tasks,
    dependants: dependantsOf(checked),
    ready: new Set([...tasks.values()].filter((task) => task.waitingFor === 0).map((task) => task.node.node_id)),
    doomed: new Map(),
    open: tasks.size,
  };
}

const pageSize = 1000;

/** The run as the journal tells it, undefined where it knows no such pipeline. */
export function readRun(journal: Journal, pipelineId: string, catalogue: Catalogue): PipelineRun | undefined {
  let run: PipelineRun | undefined;
  for (let after = 0; ; ) {
    const page = journal.read({ after, limit: pageSize, pipelineId });
    for (const frame of page) {
      const { seq } = frame;
      const timeMs = Date.parse(frame.time);
      if (frame.type === 'pipeline_submitted') {
        run = beginRun(frame, checkPipeline(frame.pipeline, catalogue), { seq, timeMs });
      } else if (run !== undefined) {
        applyEvent(run, frame, timeMs);
      }
    }
    after = page.at(-1)?.seq ?? after;
    if (page.length < pageSize) return run;
  }
}

function notStarted() {
  const nothing = { attempts: 0, tries: noTries, earlierAttempts: [], offset: 0, gpus: [], inputs: {}, outputs: {} };
  return { state: 'waiting' as const, ...nothing };
}

function dependantsOf({ nodes }: CheckedPipeline): Map<string, string[]> {
  const dependants = new Map<string, string[]>();
  for (const node of nodes.values()) {
    for (const dependency of node.dependsOn) {
      const list = dependants.get(dependency);
      if (list === undefined) dependants.set(dependency, [node.node_id]);
      else list.push(node.node_id);
    }
  }
  return dependants;
}

/** Moves the run on by one event of its pipeline, which happened at `timeMs` (since 1970). */
export function applyEvent(run: PipelineRun, event: TrainyardEvent, timeMs: number): void {
  switch (event.type) {
    case 'task_started':
      return startTask(run, taskOf(run, event.node_id), event, timeMs);
    case 'task_placed': {
      const task = taskOf(run, event.node_id);
      task.environment = event.environment;
      return advanceOffset(task, event.offset);
    }
    case 'task_progress': {
      const { phase, step, total, eta_seconds, metrics } = event;
      const task = taskOf(run, event.node_id);
      task.progress = { phase, step, total, eta_seconds, metrics: { ...task.progress?.metrics, ...metrics } };
      return advanceOffset(task, event.offset);
    }
    case 'task_message':
      return advanceOffset(taskOf(run, event.node_id), event.offset);
    case 'task_succeeded':
      return succeed(run, taskOf(run, event.node_id), event);
    case 'task_reused': {
      const task = taskOf(run, event.node_id);
      task.reusedFrom = event.original;
      task.inputs = event.inputs;
      run.ready.delete(event.node_id);
      return succeed(run, task, event);
    }
    case 'attempt_failed':
      return holdBack(run, taskOf(run, event.node_id), event, timeMs);
    case 'task_failed': {
      const task = taskOf(run, event.node_id);
      task.error = event.error;
      task.seconds = event.seconds;
      return stop(run, task, 'failed');
    }
    case 'task_skipped':
      return stop(run, taskOf(run, event.node_id), 'skipped');
    case 'task_cancelled':
      return stop(run, taskOf(run, event.node_id), 'cancelled');
    case 'pipeline_cancel_requested':
      run.cancelRequested = true;
      return;
    case 'pipeline_retried':
      if (event.inputs !== undefined) override(run, event.inputs);
      run.estimates = { ...run.estimates, ...event.estimates };
      return reopen(run, new Set(Object.keys(event.inputs ?? {})));
    case 'pipeline_finished':
      run.state = event.state;
      return;
    case 'pipeline_submitted':
    case 'resource_uploaded':
    case 'resource_removed':
    case 'message_received':
    case 'reply_sent':
      return;
  }
}

function taskOf(run: PipelineRun, nodeId: string): TaskRun {
  const task = run.tasks.get(nodeId);
  if (task === undefined) throw new Error(`The journal names a node "${nodeId}" that ${run.pipeline_id} lacks.`);
  return task;
}

function startTask(run: PipelineRun, task: TaskRun, event: EventOf<'task_started'>, timeMs: number): void {
  run.ready.delete(task.node.node_id);
  task.state = 'running';
  task.attempts = event.attempt;
  task.earlierAttempts = attemptsSoFar(task);
  task.attemptId = event.attempt_id;
  if (event.reuse_key !== undefined) task.reuseKey = event.reuse_key;
  task.attemptStartedAtMs = timeMs;
  task.runner = event.runner;
  task.gpus = event.gpus ?? [];
  task.offset = 0;
  task.inputs = event.inputs;
  task.startedAtMs ??= timeMs;
  delete task.progress;
  delete task.error;
  delete task.backoff;
  delete task.environment;
}

const attemptsRemembered = 8;

/** The tries of a task run, latest first. */
export function attemptsSoFar({ attemptId, earlierAttempts }: TaskRun): readonly string[] {
  return attemptId === undefined ? earlierAttempts : [attemptId, ...earlierAttempts].slice(0, attemptsRemembered);
}

function holdBack(run: PipelineRun, task: TaskRun, event: EventOf<'attempt_failed'>, timeMs: number): void {
  task.state = 'waiting';
  task.error = event.error;
  task.tries = countTry(task.tries, event.error);
  // The clock may have been set between the two.
  const delayMs = Math.min(longestBackoffMs, Date.parse(event.retry_at) - timeMs);
  if (delayMs > 0) task.backoff = { sinceMs: timeMs, delayMs };
  else run.ready.add(task.node.node_id);
}

/** The next try of a task run may start. Returns false where it waits for that no longer. */
export function endBackoff(run: PipelineRun, task: TaskRun): boolean {
  const { node_id } = task.node;
  if (task.backoff === undefined || task.state !== 'waiting' || run.tasks.get(node_id) !== task) return false;
  delete task.backoff;
  run.ready.add(node_id);
  return true;
}

function advanceOffset(task: TaskRun, offset: number | undefined): void {
  if (offset !== undefined) task.offset = offset;
}

function succeed(run: PipelineRun, task: TaskRun, event: EventOf<'task_succeeded' | 'task_reused'>): void {
  task.state = 'succeeded';
  task.outputs = event.outputs;
  task.seconds = event.seconds;
  if ('usage' in event && event.usage !== undefined) task.usage = event.usage;
  run.open -= 1;
  for (const name of run.dependants.get(task.node.node_id) ?? []) {
    const dependant = taskOf(run, name);
    dependant.waitingFor -= 1;
    if (dependant.waitingFor === 0 && dependant.state === 'waiting') run.ready.add(name);
  }
}

function stop(run: PipelineRun, task: TaskRun, state: 'failed' | 'skipped' | 'cancelled'): void {
  const name = task.node.node_id;
  task.state = state;
  run.open -= 1;
  run.ready.delete(name);
  run.doomed.delete(name);
  for (const dependant of run.dependants.get(name) ?? []) {
    if (taskOf(run, dependant).state === 'waiting') run.doomed.set(dependant, name);
  }
}

/** The nodes get other values; what was checked before the event was written holds. */
function override(run: PipelineRun, inputs: NodeInputs): void {
  const nodes = new Map(run.checked.nodes);
  for (const [name, values] of Object.entries(inputs)) {
    const task = taskOf(run, name);
    task.node = { ...task.node, values: { ...withoutAlternatives(task.node, values), ...values } };
    nodes.set(name, task.node);
  }
  run.checked = { pipeline: overrideInputs(run.checked.pipeline, inputs), nodes };
}

/** What the node had of inputs that the new ones stand in for goes. */
function withoutAlternatives({ task, values }: CheckedNode, inputs: Record<string, unknown>): Record<string, unknown> {
  const replaced = task.exactlyOneOf.filter((pair) => pair.some((name) => Object.hasOwn(inputs, name))).flat();
  return Object.fromEntries(Object.entries(values).filter(([name]) => !replaced.includes(name)));
}

/**
 * Every node that did not succeed waits again; what succeeded stays. A node with other inputs begins anew, the
 * others go on from their last checkpoint.
 */
function reopen(run: PipelineRun, changed: ReadonlySet<string>): void {
  run.state = 'running';
  run.cancelRequested = false;
  run.doomed.clear();
  for (const task of run.tasks.values()) {
    if (task.state === 'succeeded' || task.state === 'waiting' || task.state === 'running') continue;
    const { task_id, node, waitingFor } = task;
    const earlierAttempts = changed.has(node.node_id) ? [] : attemptsSoFar(task);
    run.tasks.set(node.node_id, { task_id, node, waitingFor, ...notStarted(), earlierAttempts });
    run.open += 1;
    if (waitingFor === 0) run.ready.add(node.node_id);
  }
}

/** The room that a task run asks for. */
export function roomFor({ user_id, estimates }: PipelineRun, { node }: TaskRun, inputs: Record<string, unknown>) {
  return { task: node.task, inputs, userId: user_id, memoryMib: estimates[node.node_id]?.memory_mib };
}

/** What every event of a pipeline carries. */
export function pipelineIds({ pipeline_id, conversation_id }: PipelineRun) {
  return conversation_id === undefined ? { pipeline_id } : { pipeline_id, conversation_id };
}

/** What every event of a task run carries. */
export function idsOf(run: PipelineRun, { task_id, node }: TaskRun) {
  return { ...pipelineIds(run), task_id, node_id: node.node_id };
}
