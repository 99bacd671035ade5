/**
 * @typedef {import('../src/core/events.ts').Frame} Frame
 * @typedef {import('../src/core/events.ts').EventOf<'task_progress'>} TaskProgress
 * @typedef {import('../src/core/pipeline.ts').Pipeline} Pipeline
 * @typedef {import('../src/core/pipeline.ts').PipelineNode} PipelineNode
 * @typedef {'planned' | 'waiting' | 'running' | 'succeeded' | 'reused' | 'failed' | 'skipped' | 'cancelled'} NodeState
 * @typedef {{message: string, hint?: string | undefined}} ShownError
 */

/**
 * One node of a plan or of a run, as far as the frames tell.
 * @typedef {object} NodeRun
 * @property {PipelineNode} node
 * @property {NodeState} state
 * @property {string} [taskId]
 * @property {number} attempt
 * @property {string} [runner]
 * @property {{version: string, image?: string | undefined, container?: string}} [place]
 * @property {string} [startedAt]
 * @property {Pick<TaskProgress, 'phase' | 'step' | 'total' | 'eta_seconds' | 'metrics'>} [progress]
 * @property {ShownError} [error]
 * @property {string} [retryAt]
 * @property {string} [because]
 * @property {{position: number, waits_for: string}} [queue] where it stands among those that wait for room
 * @property {string} [reusedFrom] the pipeline whose result it is
 * @property {number} [seconds]
 * @property {Record<string, unknown>} inputs
 * @property {Record<string, unknown>} outputs
 * @property {{level: string, text: string}[]} messages
 */

/**
 * @typedef {object} Run
 * @property {Pipeline} pipeline
 * @property {string} [pipelineId]
 * @property {'planned' | 'running' | 'succeeded' | 'failed' | 'cancelled'} state
 * @property {boolean} stopping
 * @property {string} [submittedAt]
 * @property {number} [seconds]
 * @property {Map<string, NodeRun>} nodes
 */

const keptMessages = 20;

/** A plan that nobody has started. @param {Pipeline} pipeline @returns {Run} */
export function planRun(pipeline) {
  const nodes = new Map(pipeline.nodes.map((node) => [node.node_id, freshNode(node, 'planned')]));
  return { pipeline, state: 'planned', stopping: false, nodes };
}

/** @param {Frame & {type: 'pipeline_submitted'}} frame @returns {Run} */
export function beginRun({ pipeline, pipeline_id, task_ids, time }) {
  const nodes = new Map(
    pipeline.nodes.map((node) => {
      const taskId = task_ids[node.node_id];
      return [node.node_id, { ...freshNode(node, 'waiting'), ...(taskId !== undefined && { taskId }) }];
    }),
  );
  return { pipeline, pipelineId: pipeline_id, state: 'running', stopping: false, submittedAt: time, nodes };
}

/** @param {PipelineNode} node @param {NodeState} state @returns {NodeRun} */
function freshNode(node, state) {
  return { node, state, attempt: 0, inputs: {}, outputs: {}, messages: [] };
}

/**
 * Moves a run on by one frame of its pipeline. Returns the node that it changed, where it changed one alone.
 * @param {Run} run
 * @param {Frame} frame
 * @returns {NodeRun | undefined}
 */
export function applyFrame(run, frame) {
  if (frame.type === 'pipeline_cancel_requested') run.stopping = true;
  else if (frame.type === 'pipeline_retried') reopen(run);
  else if (frame.type === 'pipeline_finished') finish(run, frame);
  if (!('node_id' in frame)) return undefined;
  const task = run.nodes.get(frame.node_id);
  if (task !== undefined) applyToNode(task, frame);
  return task;
}

/** @param {NodeRun} task @param {Frame & {node_id: string}} frame */
function applyToNode(task, frame) {
  switch (frame.type) {
    case 'task_started':
      start(task, frame);
      break;
    case 'task_placed':
      task.place = { ...frame.environment, ...(frame.container && { container: frame.container }) };
      break;
    case 'task_progress':
      task.progress = { ...frame, metrics: { ...task.progress?.metrics, ...frame.metrics } };
      break;
    case 'task_message':
      task.messages = [...task.messages, { level: frame.level, text: frame.text }].slice(-keptMessages);
      break;
    case 'task_succeeded':
      Object.assign(task, { state: 'succeeded', outputs: frame.outputs, seconds: frame.seconds });
      break;
    case 'task_reused':
      Object.assign(task, { state: 'reused', inputs: frame.inputs, outputs: frame.outputs });
      task.reusedFrom = frame.original.pipeline_id;
      break;
    case 'attempt_failed':
      Object.assign(task, { state: 'waiting', error: frame.error, retryAt: frame.retry_at });
      break;
    case 'task_failed':
      Object.assign(task, { state: 'failed', error: frame.error, seconds: frame.seconds });
      break;
    case 'task_skipped':
      Object.assign(task, { state: 'skipped', because: frame.because });
      break;
    case 'task_cancelled':
      task.state = 'cancelled';
      break;
  }
}

/** @param {NodeRun} task @param {Frame & {type: 'task_started'}} frame */
function start(task, frame) {
  task.state = 'running';
  task.attempt = frame.attempt;
  task.inputs = frame.inputs;
  task.runner = frame.runner;
  delete task.place;
  task.startedAt ??= frame.time;
  delete task.progress;
  delete task.error;
  delete task.retryAt;
  delete task.queue;
}

/** Whether the node's result is there, its own or that of an equal run. @param {NodeState} state */
export function isDone(state) {
  return state === 'succeeded' || state === 'reused';
}

/** What did not succeed waits again; what succeeded stays. @param {Run} run */
function reopen(run) {
  run.state = 'running';
  run.stopping = false;
  delete run.seconds;
  for (const [name, { state, node, taskId }] of run.nodes) {
    if (state !== 'failed' && state !== 'skipped' && state !== 'cancelled') continue;
    run.nodes.set(name, { ...freshNode(node, 'waiting'), ...(taskId !== undefined && { taskId }) });
  }
}

/** @param {Run} run @param {Frame & {type: 'pipeline_finished'}} frame */
function finish(run, frame) {
  run.state = frame.state;
  run.stopping = false;
  run.seconds = frame.seconds;
}
