import type Database from 'better-sqlite3';
import type { Journal } from './journal.ts';

interface Over {
  pipeline_id: string;
  finished_at: string;
}

const namesPipeline = [
  // The submission names its task runs; a further index would make each submission slower.
  `DELETE FROM task_runs WHERE task_id IN (
     SELECT value FROM json_each((SELECT json_extract(body, '$.task_ids') FROM events WHERE seq =
       (SELECT seq FROM pipelines WHERE pipeline_id = ?))))`,
  'DELETE FROM events WHERE pipeline_id = ?',
  'DELETE FROM submissions WHERE pipeline_id = ?',
  'DELETE FROM results WHERE pipeline_id = ?',
  'DELETE FROM pipelines WHERE pipeline_id = ?',
];

/** One pipeline a call, so that nobody waits long for the journal. */
export function createCompaction(db: Database.Database): Journal['compactNext'] {
  const oldest = db.prepare(
    'SELECT pipeline_id, finished_at FROM pipelines WHERE finished_at < ? ORDER BY finished_at LIMIT 1',
  );
  const oldestUnthinned = db.prepare(
    `SELECT pipeline_id, finished_at FROM pipelines
     WHERE thinned = 0 AND finished_at IS NOT NULL AND finished_at < ? ORDER BY finished_at LIMIT 1`,
  );
  const attemptsOf = db
    .prepare(
      `SELECT DISTINCT json_extract(body, '$.attempt_id') FROM events
       WHERE pipeline_id = ? AND json_extract(body, '$.type') = 'task_started'`,
    )
    .pluck();
  const deletions = namesPipeline.map((sql) => db.prepare(sql));
  const thinnedOut = db.prepare('UPDATE pipelines SET thinned = 1 WHERE pipeline_id = ?');
  // Evenly spaced by whole numbers, and the last of them, which holds every metric as it stood in the end.
  const thin = db.prepare(
    `WITH progress AS (
       SELECT seq,
         row_number() OVER run AS place,
         count(*) OVER (PARTITION BY json_extract(body, '$.task_id')) AS total
       FROM events
       WHERE pipeline_id = @pipelineId AND json_extract(body, '$.type') = 'task_progress'
       WINDOW run AS (PARTITION BY json_extract(body, '$.task_id') ORDER BY seq)
     )
     DELETE FROM events WHERE seq IN (
       SELECT seq FROM progress
       WHERE place < total AND place * CAST(@kept AS INTEGER) / total = (place - 1) * CAST(@kept AS INTEGER) / total
     )`,
  );

  const forget = db.transaction((pipelineId: string) => {
    const attemptIds = attemptsOf.all(pipelineId) as string[];
    for (const deletion of deletions) deletion.run(pipelineId);
    return { pipelineId, forgotten: true, attemptIds };
  });

  const thinOut = db.transaction((pipelineId: string, kept: number) => {
    thin.run({ pipelineId, kept });
    thinnedOut.run(pipelineId);
    return { pipelineId, forgotten: false, attemptIds: [] };
  });

  return ({ progressKept, thinBeforeMs, forgetBeforeMs }) => {
    const find = (statement: Database.Statement, beforeMs: number) =>
      (statement.get(new Date(beforeMs).toISOString()) as Over | undefined)?.pipeline_id;
    const expired = forgetBeforeMs === undefined ? undefined : find(oldest, forgetBeforeMs);
    if (expired !== undefined) return forget.immediate(expired);
    const settled = find(oldestUnthinned, thinBeforeMs);
    return settled === undefined ? undefined : thinOut.immediate(settled, progressKept);
  };
}
