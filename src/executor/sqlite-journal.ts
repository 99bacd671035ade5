import Database from 'better-sqlite3';
import { eventSchema, type Frame, type TrainyardEvent } from '../core/events.ts';
import { type Resource, resourceSchema } from '../core/resource.ts';
import type { Journal, PipelineState, PipelineSummary, ReadFrames, Submission } from './journal.ts';

const schemaVersion = 1;

const schema = `
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    pipeline_id TEXT,
    conversation_id TEXT,
    body TEXT NOT NULL
  );
  CREATE INDEX events_by_pipeline ON events (pipeline_id, seq) WHERE pipeline_id IS NOT NULL;
  CREATE INDEX events_by_conversation ON events (conversation_id, seq) WHERE conversation_id IS NOT NULL;
  CREATE TABLE pipelines (
    pipeline_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    conversation_id TEXT,
    name TEXT,
    state TEXT NOT NULL,
    submitted_at TEXT NOT NULL,
    finished_at TEXT,
    seq INTEGER NOT NULL
  );
  CREATE INDEX pipelines_by_state ON pipelines (state, seq);
  CREATE TABLE task_runs (task_id TEXT PRIMARY KEY, pipeline_id TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE submissions (
    user_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    request TEXT NOT NULL,
    PRIMARY KEY (user_id, idempotency_key)
  ) WITHOUT ROWID;
  CREATE TABLE unanswered (seq INTEGER PRIMARY KEY, conversation_id TEXT NOT NULL, user_id TEXT NOT NULL, message_id TEXT);
  CREATE TABLE resources (resource_id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
`;

/** Opens or makes the journal's database: SQLite in WAL mode, each commit synced to the disk. */
export function openSqliteJournal(file: string, now: () => Date = () => new Date()): Journal {
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  prepareSchema(db, file);
  const insertEvent = db.prepare(
    'INSERT INTO events (time, pipeline_id, conversation_id, body) VALUES (?, ?, ?, ?) RETURNING seq',
  );
  const project = createProjection(db);
  const listeners = new Set<() => void>();
  const reads = prepareReads(db);

  const write = db.transaction((events: readonly TrainyardEvent[], submission?: Submission): Frame[] =>
    events.map((event) => {
      const time = now().toISOString();
      const pipelineId = 'pipeline_id' in event ? event.pipeline_id : null;
      const row = insertEvent.get(time, pipelineId, event.conversation_id ?? null, JSON.stringify(event));
      const frame: Frame = { seq: (row as { seq: number }).seq, time, ...event };
      project(frame, submission);
      return frame;
    }),
  );

  return {
    ...reads,
    append(events, submission) {
      const frames = write.immediate(events, submission);
      for (const listener of listeners) listener();
      return frames;
    },
    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => db.close(),
  };
}

function prepareSchema(db: Database.Database, file: string): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version === schemaVersion) return;
  if (version !== 0) {
    throw new Error(`${file} was written by another version of Trainyard (schema ${version}, not ${schemaVersion}).`);
  }
  db.transaction(() => {
    db.exec(schema);
    db.pragma(`user_version = ${schemaVersion}`);
  }).immediate();
}

/** Keeps the tables that answer questions in step with the events, within their transaction. */
function createProjection(db: Database.Database): (frame: Frame, submission?: Submission) => void {
  const addPipeline = db.prepare(
    `INSERT INTO pipelines (pipeline_id, user_id, conversation_id, name, state, submitted_at, seq)
     VALUES (?, ?, ?, ?, 'running', ?, ?)`,
  );
  const addSubmission = db.prepare('INSERT INTO submissions VALUES (@userId, @key, @pipelineId, @request)');
  const addTaskRun = db.prepare('INSERT INTO task_runs VALUES (?, ?)');
  const setState = db.prepare('UPDATE pipelines SET state = ?, finished_at = ? WHERE pipeline_id = ?');
  const addResource = db.prepare('INSERT OR IGNORE INTO resources VALUES (?, ?)');

  const addUnanswered = db.prepare('INSERT INTO unanswered VALUES (?, ?, ?, ?)');
  const dropUnanswered = db.prepare(
    `DELETE FROM unanswered WHERE seq = (
       SELECT min(seq) FROM unanswered WHERE conversation_id = ? AND user_id = ? AND message_id IS ?)`,
  );

  return (frame, submission) => {
    switch (frame.type) {
      case 'pipeline_submitted': {
        const { pipeline_id, user_id, conversation_id, pipeline, time, seq } = frame;
        addPipeline.run(pipeline_id, user_id, conversation_id ?? null, pipeline.name ?? null, time, seq);
        for (const taskId of Object.values(frame.task_ids)) addTaskRun.run(taskId, pipeline_id);
        if (submission !== undefined) addSubmission.run({ ...submission, pipelineId: pipeline_id });
        break;
      }
      case 'pipeline_retried':
        setState.run('running', null, frame.pipeline_id);
        break;
      case 'pipeline_finished':
        setState.run(frame.state, frame.time, frame.pipeline_id);
        break;
      case 'task_succeeded':
        for (const resource of Object.values(frame.resources)) {
          addResource.run(resource.resource_id, JSON.stringify(resource));
        }
        break;
      case 'message_received':
        addUnanswered.run(frame.seq, frame.conversation_id, frame.user_id, frame.message_id ?? null);
        break;
      case 'reply_sent':
        dropUnanswered.run(frame.conversation_id, frame.user_id, frame.message_id ?? null);
        break;
      default:
        break;
    }
  };
}

type Reads = Omit<Journal, 'append' | 'onAppend' | 'close'>;

function prepareReads(db: Database.Database): Reads {
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
     ORDER BY seq DESC LIMIT @limit`,
  );
  const pipelineOfTask = db.prepare('SELECT pipeline_id FROM task_runs WHERE task_id = ?').pluck();
  const unanswered = db.prepare('SELECT conversation_id, user_id, message_id FROM unanswered ORDER BY seq');
  const resource = db.prepare('SELECT body FROM resources WHERE resource_id = ?').pluck();

  const framesFor = (options: ReadFrames) => {
    if (options.pipelineId !== undefined) return frames.ofPipeline.all(options);
    if (options.conversationId !== undefined) return frames.ofConversation.all(options);
    return frames.all.all(options);
  };

  return {
    read: (options) => framesFor(options).map(parseFrame),
    lastSeq: () => Number(lastSeq.get()),
    submission: (userId, key) => byKey.get(userId, key) as { pipeline_id: string; request: string } | undefined,
    pipeline: (pipelineId) => pipeline.get(pipelineId) as PipelineSummary | undefined,
    pipelines: ({ userId, state, limit }: { userId?: string; state?: PipelineState; limit: number }) =>
      pipelines.all({ userId: userId ?? null, state: state ?? null, limit }) as PipelineSummary[],
    pipelineOfTask: (taskId) => pipelineOfTask.get(taskId) as string | undefined,
    unanswered: () =>
      (unanswered.all() as { conversation_id: string; user_id: string; message_id: string | null }[]).map(
        ({ message_id, ...ids }) => (message_id === null ? ids : { ...ids, message_id }),
      ),
    resource: (resourceId): Resource | undefined => {
      const body = resource.get(resourceId) as string | undefined;
      return body === undefined ? undefined : resourceSchema.parse(JSON.parse(body));
    },
  };
}

function parseFrame(row: unknown): Frame {
  const { seq, time, body } = row as { seq: number; time: string; body: string };
  return { seq, time, ...eventSchema.parse(JSON.parse(body)) };
}
