import { RetryableError } from '../../src/core/errors.ts';
import type { Frame, TrainyardEvent } from '../../src/core/events.ts';
import type { Resource } from '../../src/core/resource.ts';
import type { Journal, PipelineSummary } from '../../src/executor/journal/journal.ts';

export interface MemoryJournal extends Journal {
  frames: readonly Frame[];
  /** Whether it takes anything. */
  isFull: boolean;
  /** A journal that has lost the last so many frames, as one whose write-ahead log was torn. */
  torn(lost: number): MemoryJournal;
}

type Result = { task_id: string; task_name: string; reuse_key: string | undefined; inputs: Record<string, unknown> } & {
  outputs?: Record<string, unknown>;
  seconds?: number;
  pipeline_id: string;
};

/** A journal without a disk, for runs that are simulated by the million. */
export function createMemoryJournal(onFrame: (frame: Frame) => void = () => {}): MemoryJournal {
  const frames: Frame[] = [];
  const ofPipeline = new Map<string, Frame[]>();
  const pipelines = new Map<string, PipelineSummary>();
  const submissions = new Map<string, { pipeline_id: string; request: string }>();
  const pipelineOfTask = new Map<string, string>();
  const resources = new Map<string, Resource>();
  const results = new Map<string, Result>();
  const latestByKey = new Map<string, Result>();
  const listeners = new Set<() => void>();

  function keepPipeline(frame: Frame): void {
    if (frame.type === 'pipeline_submitted') {
      const { pipeline_id, user_id, time } = frame;
      const nothing = { conversation_id: null, name: null, finished_at: null };
      pipelines.set(pipeline_id, { pipeline_id, user_id, ...nothing, submitted_at: time, state: 'running' });
      ofPipeline.set(pipeline_id, []);
      for (const taskId of Object.values(frame.task_ids)) pipelineOfTask.set(taskId, pipeline_id);
    } else if (frame.type === 'pipeline_retried' || frame.type === 'pipeline_finished') {
      const summary = pipelines.get(frame.pipeline_id);
      const state = frame.type === 'pipeline_finished' ? frame.state : 'running';
      if (summary !== undefined) pipelines.set(frame.pipeline_id, { ...summary, state });
    }
    if ('pipeline_id' in frame) ofPipeline.get(frame.pipeline_id)?.push(frame);
  }

  function keepResult(frame: Frame): void {
    if (frame.type === 'task_started') {
      const { task_id, task_name, reuse_key, inputs, pipeline_id } = frame;
      results.set(task_id, { task_id, task_name, reuse_key, inputs, pipeline_id });
    } else if (frame.type === 'task_succeeded') {
      for (const resource of Object.values(frame.resources)) resources.set(resource.resource_id, resource);
      const result = results.get(frame.task_id);
      if (result === undefined) return;
      Object.assign(result, { outputs: frame.outputs, seconds: frame.seconds });
      if (result.reuse_key !== undefined) latestByKey.set(result.reuse_key, result);
    }
  }

  const journal: MemoryJournal = {
    frames,
    isFull: false,
    append(events, { submission, timeMs = 0 } = {}) {
      if (journal.isFull) throw new RetryableError('disk_full', 'The disk is full.');
      const time = new Date(timeMs).toISOString();
      const added = events.map((event, index): Frame => ({ seq: frames.length + index + 1, time, ...event }));
      for (const frame of added) {
        frames.push(frame);
        keepPipeline(frame);
        keepResult(frame);
        onFrame(frame);
        if (frame.type !== 'pipeline_submitted' || submission === undefined) continue;
        const { userId, key, request } = submission;
        submissions.set(JSON.stringify([userId, key]), { pipeline_id: frame.pipeline_id, request });
      }
      for (const listener of listeners) listener();
      return frames.length - added.length + 1;
    },
    read: ({ after, limit, pipelineId }) => {
      const all = pipelineId === undefined ? frames : (ofPipeline.get(pipelineId) ?? []);
      return all.filter(({ seq }) => seq > after).slice(0, limit);
    },
    lastSeq: () => frames.length,
    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    submission: (userId, key) => submissions.get(JSON.stringify([userId, key])),
    pipeline: (pipelineId) => pipelines.get(pipelineId),
    pipelines: ({ state, limit }) =>
      [...pipelines.values()].filter((row) => state === undefined || row.state === state).slice(0, limit),
    pipelineOfTask: (taskId) => pipelineOfTask.get(taskId),
    unanswered: () => [],
    resource: (resourceId) => resources.get(resourceId),
    ownedResource: (user_id, resourceId) => {
      const resource = resources.get(resourceId);
      return resource && { ...resource, user_id, since: '' };
    },
    ownedResources: () => [],
    madeFrom: () => [],
    madeOf: () => [],
    isFileNamed: () => true,
    expiredResource: () => undefined,
    reusableResult: (reuseKey) => {
      const { task_id, pipeline_id, outputs = {}, seconds = 0 } = latestByKey.get(reuseKey) ?? {};
      if (task_id === undefined || pipeline_id === undefined) return undefined;
      return { original: { pipeline_id, task_id }, outputs, seconds };
    },
    earlierResults: () => [],
    compactNext: () => undefined,
    torn(lost) {
      const shorter = createMemoryJournal(onFrame);
      for (const { seq: _, time, ...event } of frames.slice(0, frames.length - lost)) {
        shorter.append([event as TrainyardEvent], { timeMs: Date.parse(time) });
      }
      return shorter;
    },
    close: () => {},
  };
  return journal;
}
