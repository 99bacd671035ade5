import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { ledgerFile } from '../ledger.ts';
import { type FoundProcess, processesOf } from '../processes.ts';
import { serverLog } from '../server-process.ts';
import type { Witness } from '../witness.ts';

/** What the checker reads of an event; written anew here, so that a slip in Trainyard's own schema shows. */
const eventSchema = z.looseObject({
  type: z.string(),
  pipeline_id: z.string().optional(),
  node_id: z.string().optional(),
  task_id: z.string().optional(),
  attempt_id: z.string().optional(),
  offset: z.number().optional(),
  step: z.number().optional(),
  state: z.string().optional(),
  because: z.string().optional(),
  inputs: z.record(z.string(), z.unknown()).optional(),
  outputs: z.record(z.string(), z.unknown()).optional(),
  original: z.looseObject({ pipeline_id: z.string(), task_id: z.string() }).optional(),
  resources: z
    .record(z.string(), z.looseObject({ artifacts: z.array(z.looseObject({ sha256: z.string(), bytes: z.number() })) }))
    .optional(),
  task_ids: z.record(z.string(), z.string()).optional(),
  pipeline: z
    .looseObject({
      name: z.string().optional(),
      nodes: z.array(
        z.looseObject({ node_id: z.string(), input_mappings: z.record(z.string(), z.string()).optional() }),
      ),
      edges: z.array(z.looseObject({ from: z.string(), to: z.string() })).optional(),
    })
    .optional(),
});
export type JournalEvent = z.infer<typeof eventSchema>;

export interface Row {
  seq: number;
  time: string;
  pipeline_id: string | null;
  /** The event as it stands there. */
  body: string;
  event: JournalEvent;
}

/** What a task entered in the ledger of what it did. */
const factSchema = z.discriminatedUnion('fact', [
  z.object({
    fact: z.literal('began'),
    attempt: z.string(),
    /** Whether it is a process of its own, which goes on without the server. */
    isolated: z.boolean().default(false),
    /** Attempts at the same task that were alive at its beginning. */
    rivals: z.array(z.string()).default([]),
  }),
  z.object({
    fact: z.literal('ended'),
    attempt: z.string(),
    outcome: z.enum(['succeeded', 'retryable', 'terminal', 'died']),
    /** Lines of progress that it wrote. */
    steps: z.number().default(0),
    /** Of the file that it leaves. */
    sha256: z.string().optional(),
  }),
]);
export type Fact = z.infer<typeof factSchema>;

/** All that is left of a round when its last server is dead. */
export interface Evidence {
  rows: readonly Row[];
  ledger: readonly Fact[];
  witness: Witness;
  /** Size and true SHA-256 of a file of the store, by the SHA-256 it is kept under; undefined where there is none. */
  stored: (sha256: string) => { sha256: string; bytes: number } | undefined;
  /** Whether the result that an attempt left in its folder says that it succeeded. */
  leftSuccess: (attemptId: string) => boolean;
  /** What servers wrote to their standard error. */
  serverLog: string;
  processes: readonly FoundProcess[];
}

export function readEvidence(home: string, witness: Witness): Evidence {
  return {
    rows: readJournal(join(home, 'journal.sqlite')),
    ledger: readFileSync(ledgerFile(home), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => factSchema.parse(JSON.parse(line))),
    witness,
    stored: (sha256) => readStored(join(home, 'artifacts', sha256.slice(0, 2), sha256)),
    leftSuccess: (attemptId) => succeeded(join(home, 'attempts', attemptId, 'result.json')),
    serverLog: readFileSync(serverLog(home), 'utf8'),
    processes: processesOf(home),
  };
}

export function readJournal(file: string): Row[] {
  const db = new Database(file, { readonly: true });
  try {
    const rows = db.prepare('SELECT seq, time, pipeline_id, body FROM events ORDER BY seq').all();
    return (rows as Omit<Row, 'event'>[]).map((row) => ({ ...row, event: eventSchema.parse(JSON.parse(row.body)) }));
  } finally {
    db.close();
  }
}

function readStored(file: string): { sha256: string; bytes: number } | undefined {
  if (!existsSync(file)) return undefined;
  const content = readFileSync(file);
  return { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length };
}

function succeeded(resultFile: string): boolean {
  if (!existsSync(resultFile)) return false;
  return (JSON.parse(readFileSync(resultFile, 'utf8')) as { status?: unknown }).status === 'succeeded';
}
