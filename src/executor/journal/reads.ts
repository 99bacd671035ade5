import type Database from 'better-sqlite3';
import { eventSchema, type Frame, usageSchema } from '../../core/events.ts';
import type { Journal, PipelineSummary, ReadFrames } from './journal.ts';
import { createResourceReads } from './resources.ts';

type Reads = Omit<Journal, 'append' | 'onAppend' | 'compactNext' | 'close'>;

interface ResultRow {
  task_id: string;
  pipeline_id: string;
  inputs: string;
  outputs: string;
  seconds: number;
  usage: string | null;
}

export function createReads(db: Database.Database): Reads {
  const select = 'SELECT seq, time, body FROM events WHERE seq > @after';
  const tail = 'ORDER BY seq LIMIT @limit';
  const frames = {
    all: db.prepare(`${select} ${tail}`),
    ofPipeline: db.prepare(`${select} AND pipeline_id = @pipelineId ${tail}`),
    ofConversation: db.prepare(`${select} AND conversation_id = @conversationId ${tail}`),
  };
  const lastSeq = db.prepare('SELECT coalesce(max(seq), 0) FROM events').pluck();
  const byKey = db.prepare('SELECT pipeline_id, request FROM submissions WHERE user_id = ? AND idempotency_key = ?');
  const columns = 'pipeline_id, user_id, conversation_id, name, state, submitted_at, finished_at';
  const pipeline = db.prepare(`SELECT ${columns} FROM pipelines WHERE pipeline_id = ?`);
  const pipelines = db.prepare(
    `SELECT ${columns} FROM pipelines
     WHERE (@userId IS NULL OR user_id = @userId) AND (@state IS NULL OR state = @state)
       AND (@before IS NULL OR seq < (SELECT seq FROM pipelines WHERE pipeline_id = @before))
     ORDER BY seq DESC LIMIT @limit`,
  );
  const pipelineOfTask = db.prepare('SELECT pipeline_id FROM task_runs WHERE task_id = ?').pluck();
  const unanswered = db.prepare('SELECT conversation_id, user_id, message_id FROM unanswered ORDER BY seq');
  const resultByKey = db.prepare(
    'SELECT * FROM results WHERE reuse_key = ? AND outputs IS NOT NULL ORDER BY seq DESC LIMIT 1',
  );
  const resultsByTask = db.prepare(
    'SELECT * FROM results WHERE task_name = ? AND outputs IS NOT NULL ORDER BY seq DESC LIMIT ?',
  );

  const framesFor = (options: ReadFrames) => {
    if (options.pipelineId !== undefined) return frames.ofPipeline.all(options);
    if (options.conversationId !== undefined) return frames.ofConversation.all(options);
    return frames.all.all(options);
  };

  return {
    ...createResourceReads(db),
    read: (options) => framesFor(options).map(parseFrame),
    lastSeq: () => Number(lastSeq.get()),
    submission: (userId, key) => byKey.get(userId, key) as { pipeline_id: string; request: string } | undefined,
    pipeline: (pipelineId) => pipeline.get(pipelineId) as PipelineSummary | undefined,
    pipelines: ({ userId, state, limit, before }: Parameters<Journal['pipelines']>[0]) =>
      pipelines.all({
        userId: userId ?? null,
        state: state ?? null,
        limit,
        before: before ?? null,
      }) as PipelineSummary[],
    pipelineOfTask: (taskId) => pipelineOfTask.get(taskId) as string | undefined,
    unanswered: () =>
      (unanswered.all() as { conversation_id: string; user_id: string; message_id: string | null }[]).map(
        ({ message_id, ...ids }) => (message_id === null ? ids : { ...ids, message_id }),
      ),
    reusableResult: (reuseKey) => {
      const row = resultByKey.get(reuseKey) as ResultRow | undefined;
      if (row === undefined) return undefined;
      const { pipeline_id, task_id, outputs, seconds } = row;
      return { original: { pipeline_id, task_id }, outputs: JSON.parse(outputs), seconds };
    },
    earlierResults: (taskName, limit) =>
      (resultsByTask.all(taskName, limit) as ResultRow[]).map(({ inputs, outputs, seconds, usage }) => ({
        inputs: JSON.parse(inputs),
        outputs: JSON.parse(outputs),
        seconds,
        ...(usage !== null && { usage: usageSchema.parse(JSON.parse(usage)) }),
      })),
  };
}

function parseFrame(row: unknown): Frame {
  const { seq, time, body } = row as { seq: number; time: string; body: string };
  return { seq, time, ...eventSchema.parse(JSON.parse(body)) };
}
