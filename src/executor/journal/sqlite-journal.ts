import Database from 'better-sqlite3';
import { RetryableError } from '../../core/errors.ts';
import type { TrainyardEvent } from '../../core/events.ts';
import { createCompaction } from './compact.ts';
import { prepareInsert } from './insert.ts';
import type { AppendOptions, Journal } from './journal.ts';
import { createReads } from './reads.ts';
import { prepareSchema } from './schema.ts';
import { createTables } from './tables.ts';

/** A write-ahead log that a burst has made larger than this is cut down again. */
const walBytes = 64 * 2 ** 20;

/** Opens or makes the journal's database: SQLite in WAL mode, each commit synced to the disk. */
export function openSqliteJournal(file: string): Journal {
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma(`journal_size_limit = ${walBytes}`);
  prepareSchema(db, file);
  const insertEvents = prepareInsert(db, 'events (seq, time, pipeline_id, conversation_id, body)', 5);
  const updateTables = createTables(db);
  const listeners = new Set<() => void>();
  // One process writes, so the numbers are given here; those of rows that retention removed are not given again.
  let lastSeq = Number(db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'events'").pluck().get() ?? 0);

  const write = db.transaction((events: readonly TrainyardEvent[], time: string, options: AppendOptions) => {
    insertEvents(rowsOf(events, lastSeq + 1, time));
    for (const [index, event] of events.entries()) updateTables(event, { seq: lastSeq + 1 + index, time }, options);
  });

  return {
    ...createReads(db),
    compactNext: createCompaction(db),

    append(events, options = {}) {
      if (events.length === 0) return lastSeq;
      const time = new Date(options.timeMs ?? Date.now()).toISOString();
      try {
        write.immediate(events, time, options);
      } catch (error) {
        throw explain(error, file);
      }
      const first = lastSeq + 1;
      lastSeq += events.length;
      for (const listener of listeners) listener();
      return first;
    },

    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    close: () => db.close(),
  };
}

function rowsOf(events: readonly TrainyardEvent[], firstSeq: number, time: string): unknown[] {
  const values: unknown[] = [];
  for (const [index, event] of events.entries()) {
    const pipelineId = 'pipeline_id' in event ? event.pipeline_id : null;
    const conversationId = 'conversation_id' in event ? event.conversation_id : null;
    values.push(firstSeq + index, time, pipelineId, conversationId ?? null, JSON.stringify(event));
  }
  return values;
}

/** Without room nothing has been written, and the same can be tried again. */
function explain(error: unknown, file: string): unknown {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !/^SQLITE_(?:FULL|IOERR)/.test(code)) return error;
  const what = code === 'SQLITE_FULL' ? 'The disk is full' : `The disk refuses to be written (${code})`;
  return new RetryableError('disk_full', `${what}: ${file} takes nothing more.`, {
    hint: 'Free some space; it goes on by itself.',
    cause: error,
  });
}
