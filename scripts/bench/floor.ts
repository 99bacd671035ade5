import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openSqliteJournal } from '../../src/executor/journal/sqlite-journal.ts';
import { journalFile } from './yard.ts';

interface Row {
  time: string;
  pipeline_id: string;
  conversation_id: string | null;
  body: string;
}

/** What a journal's tables hold, and how it came there. */
export interface Writes {
  /** How many events each commit wrote. */
  commits: readonly number[];
  events: Row[];
  pipelines: unknown[][];
  taskRuns: unknown[][];
}

/** Reads back what a run wrote, once its journal is closed. */
export function readWrites(home: string, commits: readonly number[]): Writes {
  const db = new Database(journalFile(home), { readonly: true });
  try {
    return {
      commits,
      events: db.prepare('SELECT time, pipeline_id, conversation_id, body FROM events ORDER BY seq').all() as Row[],
      pipelines: db.prepare('SELECT * FROM pipelines').raw().all() as unknown[][],
      taskRuns: db.prepare('SELECT * FROM task_runs').raw().all() as unknown[][],
    };
  } finally {
    db.close();
  }
}

/**
 * The floor: the same rows in the same commits by SQLite alone, nothing computed in between.
 * @returns milliseconds
 */
export function replay(home: string, writes: Writes): number {
  const file = join(home, 'floor.sqlite');
  // The journal's own schema, empty.
  openSqliteJournal(file).close();
  const db = new Database(file);
  db.pragma('synchronous = FULL');
  try {
    const start = performance.now();
    replayInto(db, writes);
    return performance.now() - start;
  } finally {
    db.close();
    rmSync(file);
  }
}

function replayInto(db: Database.Database, { commits, events, pipelines, taskRuns }: Writes): void {
  const addEvent = db.prepare('INSERT INTO events (time, pipeline_id, conversation_id, body) VALUES (?, ?, ?, ?)');
  const addPipeline = db.prepare(`INSERT INTO pipelines VALUES (${places(pipelines)})`);
  const addTaskRun = db.prepare(`INSERT INTO task_runs VALUES (${places(taskRuns)})`);
  const write = db.transaction((rows: Row[], withTables: boolean) => {
    for (const { time, pipeline_id, conversation_id, body } of rows) {
      addEvent.run(time, pipeline_id, conversation_id, body);
    }
    if (!withTables) return;
    for (const row of pipelines) addPipeline.run(row);
    for (const row of taskRuns) addTaskRun.run(row);
  });
  let first = 0;
  for (const rows of commits) {
    write.immediate(events.slice(first, first + rows), first === 0);
    first += rows;
  }
}

function places(rows: readonly unknown[][]): string {
  return (rows[0] ?? []).map(() => '?').join(', ');
}
