import type { CheckedNode, CheckedPipeline } from '../core/check-pipeline.ts';
import type { TaskError } from '../core/errors.ts';
import type { EventOf, Frame } from '../core/events.ts';
import { type NodeInputs, overrideInputs } from '../core/pipeline.ts';
import type { PipelineState } from './journal.ts';

export type TaskState = 'waiting' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';

/** The execution of one node, as far as the journal tells. */
export interface TaskRun {
  task_id: string;
  node: CheckedNode;
  state: TaskState;
  /** Tries so far. */
  attempts: number;
  /** The latest try. */
  attemptId?: string;
  /** When it started, in ms since 1970. */
  attemptStartedAtMs?: number;
  /** GPUs that it holds. */
  gpus: readonly string[];
  /** The try of an earlier round that stopped short, whose checkpoint the next one goes on from. */
  resumesFrom?: string;
  /** Bytes of that try's `events.jsonl` that are in the journal. */
  offset: number;
  /** When the first try of this round started, in ms since 1970. */
  startedAtMs?: number;
  seconds?: number;
  /** Not to be started before, in ms since 1970. */
  retryAtMs?: number;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
  progress?: Pick<EventOf<'task_progress'>, 'phase' | 'step' | 'total' | 'eta_seconds' | 'metrics'>;
  error?: TaskError;
  /** Dependencies that have not succeeded yet. */
  waitingFor: number;
}

/** One submitted pipeline. Changed by `applyFrame` alone. */
export interface PipelineRun {
  pipeline_id: string;
  user_id: string;
  conversation_id: string | undefined;
  checked: CheckedPipeline;
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

/** The run that a `pipeline_submitted` frame begins. */
export function beginRun(frame: Frame & EventOf<'pipeline_submitted'>, checked: CheckedPipeline): PipelineRun {
  const tasks = new Map<string, TaskRun>();
  for (const node of checked.nodes.values()) {
    const task_id = frame.task_ids[node.node_id] ?? '';
    tasks.set(node.node_id, { task_id, node, ...notStarted(), waitingFor: node.dependsOn.length });
  }
  return {
    pipeline_id: frame.pipeline_id,
    user_id: frame.user_id,
    conversation_id: frame.conversation_id,
    checked,
    submittedAtMs: Date.parse(frame.time),
    state: 'running',
    cancelRequested: false,
    tasks,
    dependants: dependantsOf(checked),
    ready: new Set([...tasks.values()].filter((task) => task.waitingFor === 0).map((task) => task.node.node_id)),
    doomed: new Map(),
    open: tasks.size,
  };
}

function notStarted() {
  return { state: 'waiting' as const, attempts: 0, offset: 0, gpus: [], inputs: {}, outputs: {} };
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

/** Moves the run on by one frame of its pipeline. */
export function applyFrame(run: PipelineRun, frame: Frame): void {
  switch (frame.type) {
    case 'task_started':
      return startTask(run, taskOf(run, frame.node_id), frame);
    case 'task_progress': {
      const { phase, step, total, eta_seconds, metrics } = frame;
      const task = taskOf(run, frame.node_id);
      task.progress = { phase, step, total, eta_seconds, metrics: { ...task.progress?.metrics, ...metrics } };
      return advanceOffset(task, frame.offset);
    }
    case 'task_message':
      return advanceOffset(taskOf(run, frame.node_id), frame.offset);
    case 'task_succeeded':
      return succeed(run, taskOf(run, frame.node_id), frame);
    case 'attempt_failed': {
      const task = taskOf(run, frame.node_id);
      task.state = 'waiting';
      task.error = frame.error;
      task.retryAtMs = Date.parse(frame.retry_at);
      run.ready.add(frame.node_id);
      return;
    }
    case 'task_failed': {
      const task = taskOf(run, frame.node_id);
      task.error = frame.error;
      task.seconds = frame.seconds;
      return stop(run, task, 'failed');
    }
    case 'task_skipped':
      return stop(run, taskOf(run, frame.node_id), 'skipped');
    case 'task_cancelled':
      return stop(run, taskOf(run, frame.node_id), 'cancelled');
    case 'pipeline_cancel_requested':
      run.cancelRequested = true;
      return;
    case 'pipeline_retried':
      if (frame.inputs !== undefined) override(run, frame.inputs);
      return reopen(run, new Set(Object.keys(frame.inputs ?? {})));
    case 'pipeline_finished':
      run.state = frame.state;
      return;
    case 'pipeline_submitted':
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

function startTask(run: PipelineRun, task: TaskRun, frame: Frame & EventOf<'task_started'>): void {
  run.ready.delete(task.node.node_id);
  task.state = 'running';
  task.attempts = frame.attempt;
  task.attemptId = frame.attempt_id;
  task.attemptStartedAtMs = Date.parse(frame.time);
  task.gpus = frame.gpus ?? [];
  task.offset = 0;
  task.inputs = frame.inputs;
  task.startedAtMs ??= Date.parse(frame.time);
  delete task.progress;
  delete task.error;
  delete task.retryAtMs;
}

function advanceOffset(task: TaskRun, offset: number | undefined): void {
  if (offset !== undefined) task.offset = offset;
}

function succeed(run: PipelineRun, task: TaskRun, frame: Frame & EventOf<'task_succeeded'>): void {
  task.state = 'succeeded';
  task.outputs = frame.outputs;
  task.seconds = frame.seconds;
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
    task.node = { ...task.node, values: { ...task.node.values, ...values } };
    nodes.set(name, task.node);
  }
  run.checked = { pipeline: overrideInputs(run.checked.pipeline, inputs), nodes };
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
    const previous = changed.has(node.node_id) ? undefined : (task.attemptId ?? task.resumesFrom);
    const resumes = previous === undefined ? {} : { resumesFrom: previous };
    run.tasks.set(node.node_id, { task_id, node, waitingFor, ...notStarted(), ...resumes });
    run.open += 1;
    if (waitingFor === 0) run.ready.add(node.node_id);
  }
}

/** What every event of a pipeline carries. */
export function pipelineIds({ pipeline_id, conversation_id }: PipelineRun) {
  return conversation_id === undefined ? { pipeline_id } : { pipeline_id, conversation_id };
}

/** What every event of a task run carries. */
export function idsOf(run: PipelineRun, { task_id, node }: TaskRun) {
  return { ...pipelineIds(run), task_id, node_id: node.node_id };
}
