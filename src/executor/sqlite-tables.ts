import type Database from 'better-sqlite3';
import type { Frame } from '../core/events.ts';
import type { Submission } from './journal.ts';
import { prepareInsert } from './sqlite-insert.ts';

/** Keeps the tables that answer questions in step with the events, within their transaction. */
export function createTables(db: Database.Database): (frame: Frame, submission?: Submission) => void {
  const addPipeline = db.prepare(
    `INSERT INTO pipelines (pipeline_id, user_id, conversation_id, name, state, submitted_at, seq)
     VALUES (?, ?, ?, ?, 'running', ?, ?)`,
  );
  const addSubmission = db.prepare('INSERT INTO submissions VALUES (@userId, @key, @pipelineId, @request)');
  const addTaskRuns = prepareInsert(db, 'task_runs', 2);
  const setState = db.prepare('UPDATE pipelines SET state = ?, finished_at = ?, thinned = 0 WHERE pipeline_id = ?');
  const addResource = db.prepare('INSERT OR IGNORE INTO resources VALUES (?, ?)');
  const beginResult = db.prepare(
    `INSERT OR REPLACE INTO results (task_id, pipeline_id, task_name, reuse_key, inputs) VALUES (?, ?, ?, ?, ?)`,
  );
  const endResult = db.prepare('UPDATE results SET outputs = ?, seconds = ?, usage = ?, seq = ? WHERE task_id = ?');
  /** Runs whose result is to be kept when they succeed. */
  const awaited = new Set(db.prepare('SELECT task_id FROM results WHERE outputs IS NULL').pluck().all());
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
        addTaskRuns(Object.values(frame.task_ids).map((taskId) => [taskId, pipeline_id]));
        if (submission !== undefined) addSubmission.run({ ...submission, pipelineId: pipeline_id });
        break;
      }
      case 'pipeline_retried':
        setState.run('running', null, frame.pipeline_id);
        break;
      case 'pipeline_finished':
        setState.run(frame.state, frame.time, frame.pipeline_id);
        break;
      case 'task_started': {
        const { task_id, pipeline_id, task_name, reuse_key, inputs } = frame;
        // What runs in the server itself is over in no time: nobody reuses it or asks how long it took.
        if (reuse_key === undefined && frame.runner === 'in-process') break;
        awaited.add(task_id);
        beginResult.run(task_id, pipeline_id, task_name, reuse_key ?? null, JSON.stringify(inputs));
        break;
      }
      case 'task_succeeded': {
        const { task_id, outputs, seconds, usage, seq } = frame;
        for (const resource of Object.values(frame.resources)) {
          addResource.run(resource.resource_id, JSON.stringify(resource));
        }
        if (!awaited.has(task_id)) break;
        const usageText = usage === undefined ? null : JSON.stringify(usage);
        endResult.run(JSON.stringify(outputs), seconds, usageText, seq, task_id);
        break;
      }
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
