import type { JournalEvent, Row } from './evidence.ts';

/** A node that is over, by the event that ended it. */
type Ending = 'task_succeeded' | 'task_reused' | 'task_failed' | 'task_skipped' | 'task_cancelled';

export interface NodeStory {
  name: string;
  taskId: string;
  dependsOn: string[];
  state: 'waiting' | 'running' | Ending;
  /** The latest one. */
  attempt: AttemptStory | undefined;
  result: Pick<JournalEvent, 'inputs' | 'outputs'>;
}

export interface PipelineStory {
  id: string;
  name: string;
  nodes: ReadonlyMap<string, NodeStory>;
  state: string;
  cancelRequested: boolean;
  /** How often it was cancelled and retried. */
  cancels: number;
  retries: number;
}

/** An attempt as the journal tells it. */
export interface AttemptStory {
  id: string;
  taskId: string;
  startedAt: string;
  endedAt?: string;
  end?: 'attempt_failed' | Ending;
  /** The last line of progress, counted by the task. */
  step: number;
  offset: number;
  /** SHA-256 of what it left. */
  sha256: string[];
}

/** Everything that the journal tells, by id. */
export interface Stories {
  pipelines: Map<string, PipelineStory>;
  tasks: Map<string, NodeStory>;
  attempts: Map<string, AttemptStory>;
}

export const isOver = ({ state }: NodeStory) => state !== 'waiting' && state !== 'running';
export const hasResult = (node: NodeStory | undefined) =>
  node?.state === 'task_succeeded' || node?.state === 'task_reused';

export function beginPipeline(stories: Stories, event: JournalEvent): void {
  const { pipeline_id: id = '', pipeline: { name = '', nodes = [], edges = [] } = {}, task_ids = {} } = event;
  const ofPipeline = nodes.map(({ node_id, input_mappings = {} }): NodeStory => {
    const sources = Object.keys(input_mappings).map((source) => source.slice(0, source.lastIndexOf('.')));
    const edgesToIt = edges.filter(({ to }) => to === node_id).map(({ from }) => from);
    const dependsOn = [...sources, ...edgesToIt];
    const taskId = task_ids[node_id] ?? '';
    return { name: node_id, taskId, dependsOn, state: 'waiting', attempt: undefined, result: {} };
  });
  for (const node of ofPipeline) stories.tasks.set(node.taskId, node);
  const byName = new Map(ofPipeline.map((node) => [node.name, node]));
  stories.pipelines.set(id, {
    id,
    name,
    nodes: byName,
    state: 'running',
    cancelRequested: false,
    cancels: 0,
    retries: 0,
  });
}

export function movePipeline(pipeline: PipelineStory, { type, state = '' }: JournalEvent): void {
  switch (type) {
    case 'pipeline_cancel_requested':
      pipeline.cancelRequested = true;
      pipeline.cancels += 1;
      return;
    case 'pipeline_retried':
      pipeline.state = 'running';
      pipeline.cancelRequested = false;
      pipeline.retries += 1;
      for (const node of pipeline.nodes.values()) if (!hasResult(node)) node.state = 'waiting';
      return;
    case 'pipeline_finished':
      pipeline.state = state;
  }
}

export function moveNode(stories: Stories, node: NodeStory, { event, time }: Row): void {
  const { type, attempt_id = '', offset, step, inputs, outputs } = event;
  switch (type) {
    case 'task_started':
      node.state = 'running';
      node.attempt = { id: attempt_id, taskId: node.taskId, startedAt: time, step: 0, offset: 0, sha256: [] };
      node.result = { inputs };
      stories.attempts.set(attempt_id, node.attempt);
      return;
    case 'task_progress':
    case 'task_message':
      if (node.attempt !== undefined) Object.assign(node.attempt, step && { step }, offset && { offset });
      return;
    case 'attempt_failed':
    case 'task_failed':
    case 'task_cancelled':
    case 'task_skipped':
      return end(node, type, time);
    case 'task_succeeded':
      if (node.attempt !== undefined) node.attempt.sha256 = hashesOf(event);
      node.result.outputs = outputs;
      return end(node, type, time);
    case 'task_reused':
      node.result = { inputs, outputs };
      return end(node, type, time);
  }
}

function end(node: NodeStory, type: Ending | 'attempt_failed', endedAt: string): void {
  if (node.state === 'running' && node.attempt !== undefined) Object.assign(node.attempt, { end: type, endedAt });
  node.state = type === 'attempt_failed' ? 'waiting' : type;
}

function hashesOf({ resources = {} }: JournalEvent): string[] {
  return Object.values(resources).flatMap(({ artifacts }) => artifacts.map(({ sha256 }) => sha256));
}
