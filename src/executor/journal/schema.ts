import type Database from 'better-sqlite3';
import { UserError } from '../../core/errors.ts';
import { fillResourceTables, resourceTables } from './resources.ts';

/** What takes a database from one version to the next; the last of them makes the current one. */
const migrations: readonly (string | ((db: Database.Database) => void))[] = [
  `
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
  `,
  `
  ALTER TABLE pipelines ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX pipelines_to_thin ON pipelines (finished_at) WHERE thinned = 0 AND finished_at IS NOT NULL;
  CREATE TABLE results (
    task_id TEXT PRIMARY KEY,
    pipeline_id TEXT NOT NULL,
    task_name TEXT NOT NULL,
    reuse_key TEXT,
    inputs TEXT NOT NULL,
    outputs TEXT,
    seconds REAL,
    usage TEXT,
    seq INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX results_by_key ON results (reuse_key, seq) WHERE outputs IS NOT NULL;
  CREATE INDEX results_by_task ON results (task_name, seq) WHERE outputs IS NOT NULL;
  CREATE INDEX results_by_pipeline ON results (pipeline_id);
  CREATE INDEX submissions_by_pipeline ON submissions (pipeline_id);
  `,
  (db) => {
    db.exec(resourceTables);
    fillResourceTables(db);
  },
];

/**
 * Brings a database of any earlier version to the current one.
 * @throws UserError `newer_database` for one that a later Trainyard has written.
 */
export function prepareSchema(db: Database.Database, file: string): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > migrations.length) {
    throw new UserError(
      'newer_database',
      `${file} was written by a newer Trainyard (schema ${version}, this one knows ${migrations.length}).`,
      { hint: 'Install that version again, or set TRAINYARD_HOME to another folder.' },
    );
  }
  for (const [index, migration] of migrations.entries()) {
    if (index < version) continue;
    db.transaction(() => {
      if (typeof migration === 'string') db.exec(migration);
      else migration(db);
      db.pragma(`user_version = ${index + 1}`);
    }).immediate();
  }
}
