import type Database from 'better-sqlite3';
import type { TrainyardEvent } from '../../core/events.ts';
import { prepareInsert } from './insert.ts';
import type { AppendOptions } from './journal.ts';
import { keepResources } from './resources.ts';

export type Keep = (event: TrainyardEvent, at: { seq: number; time: string }, options: AppendOptions) => void;

/** Keeps the tables that answer questions in step with the events, within their transaction. */
export function createTables(db: Database.Database): Keep {
  const tables = [keepPipelines(db), keepResults(db), keepUnanswered(db), keepResources(db)];
  return (event, at, options) => {
    for (const keep of tables) keep(event, at, options);
  };
}

function keepPipelines(db: Database.Database): Keep {
  const add = db.prepare(
    `INSERT INTO pipelines (pipeline_id, user_id, conversation_id, name, state, submitted_at, seq)
     VALUES (?, ?, ?, ?, 'running', ?, ?)`,
  );
  const addSubmission = db.prepare('INSERT INTO submissions VALUES (@userId, @key, @pipelineId, @request)');
  const addTaskRuns = prepareInsert(db, 'task_runs', 2);
  const setState = db.prepare('UPDATE pipelines SET state = ?, finished_at = ?, thinned = 0 WHERE pipeline_id = ?');

  return (event, { seq, time }, { submission }) => {
    if (event.type === 'pipeline_submitted') {
      const { pipeline_id, user_id, conversation_id, pipeline } = event;
      add.run(pipeline_id, user_id, conversation_id ?? null, pipeline.name ?? null, time, seq);
      addTaskRuns(Object.values(event.task_ids).flatMap((taskId) => [taskId, pipeline_id]));
      if (submission !== undefined) addSubmission.run({ ...submission, pipelineId: pipeline_id });
    } else if (event.type === 'pipeline_retried') {
      setState.run('running', null, event.pipeline_id);
    } else if (event.type === 'pipeline_finished') {
      setState.run(event.state, time, event.pipeline_id);
    }
  };
}

function keepResults(db: Database.Database): Keep {
  const begin = db.prepare(
    'INSERT OR REPLACE INTO results (task_id, pipeline_id, task_name, reuse_key, inputs) VALUES (?, ?, ?, ?, ?)',
  );
  const end = db.prepare('UPDATE results SET outputs = ?, seconds = ?, usage = ?, seq = ? WHERE task_id = ?');
  /** Runs without a row, which most tasks of the server itself are: it need not be looked for when they end. */
  const unkept = new Set<string>();

  return (event, { seq }) => {
    if (event.type === 'task_started') {
      const { task_id, pipeline_id, task_name, reuse_key, inputs, runner } = event;
      // What runs in the server itself is over in no time: nobody asks how long it took.
      if (reuse_key === undefined && runner === 'in-process') unkept.add(task_id);
      else begin.run(task_id, pipeline_id, task_name, reuse_key ?? null, JSON.stringify(inputs));
    } else if (event.type === 'task_succeeded') {
      const { task_id, outputs, seconds, usage } = event;
      if (unkept.delete(task_id)) return;
      end.run(JSON.stringify(outputs), seconds, usage === undefined ? null : JSON.stringify(usage), seq, task_id);
    } else if ('task_id' in event && event.type !== 'task_progress') {
      unkept.delete(event.task_id);
    }
  };
}

function keepUnanswered(db: Database.Database): Keep {
  const add = db.prepare('INSERT INTO unanswered VALUES (?, ?, ?, ?)');
  const drop = db.prepare(
    `DELETE FROM unanswered WHERE seq = (
       SELECT min(seq) FROM unanswered WHERE conversation_id = ? AND user_id = ? AND message_id IS ?)`,
  );

  return (event, { seq }) => {
    if (event.type === 'message_received') {
      add.run(seq, event.conversation_id, event.user_id, event.message_id ?? null);
    } else if (event.type === 'reply_sent') {
      drop.run(event.conversation_id, event.user_id, event.message_id ?? null);
    }
  };
}
