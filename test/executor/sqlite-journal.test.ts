import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { TrainyardEvent } from '../../src/core/events.ts';
import { openSqliteJournal } from '../../src/executor/sqlite-journal.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const message = (text: string, conversation_id = 'c1'): TrainyardEvent => ({
  type: 'message_received',
  conversation_id,
  user_id: 'test',
  text,
});

const submission = (pipeline_id: string): TrainyardEvent => ({
  type: 'pipeline_submitted',
  pipeline_id,
  user_id: 'test',
  pipeline: { nodes: [{ node_id: 'a', task_name: 'add_one' }] },
  task_ids: { a: `task_${pipeline_id}` },
});

describe('the journal', () => {
  it('keeps frames in one sequence over a restart', async () => {
    await using home = await temporaryFolder();
    const file = join(home.path, 'journal.sqlite');
    const first = openSqliteJournal(file);
    first.append([message('one'), message('two')]);
    first.close();
    const second = openSqliteJournal(file);
    second.append([message('three')]);
    expect(second.read({ after: 1, limit: 10 })).toMatchObject([
      { seq: 2, text: 'two' },
      { seq: 3, text: 'three' },
    ]);
    second.close();
  });

  it('writes all events of an append or none', async () => {
    await using home = await temporaryFolder();
    const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
    journal.append([submission('p1')]);
    expect(() => journal.append([message('lost'), submission('p1')])).toThrow();
    expect(journal.lastSeq()).toBe(1);
    journal.append([message('kept')]);
    expect(journal.lastSeq()).toBe(2);
    journal.close();
  });

  it('tells conversations apart', async () => {
    await using home = await temporaryFolder();
    const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
    journal.append([message('mine', 'c1'), message('yours', 'c2')]);
    expect(journal.read({ after: 0, limit: 10, conversationId: 'c2' })).toMatchObject([{ text: 'yours' }]);
    journal.close();
  });

  it('answers which pipeline a task run belongs to and how it stands', async () => {
    await using home = await temporaryFolder();
    const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
    journal.append([submission('p1'), submission('p2')]);
    journal.append([{ type: 'pipeline_finished', pipeline_id: 'p1', state: 'failed', seconds: 1 }]);
    expect(journal.pipelineOfTask('task_p2')).toBe('p2');
    expect(journal.pipelines({ state: 'running', limit: 10 }).map((row) => row.pipeline_id)).toEqual(['p2']);
    expect(journal.pipeline('p1')?.state).toBe('failed');
    journal.close();
  });

  it('refuses a database of another version', async () => {
    await using home = await temporaryFolder();
    const file = join(home.path, 'journal.sqlite');
    const db = new Database(file);
    db.pragma('user_version = 99');
    db.close();
    expect(() => openSqliteJournal(file)).toThrow(/schema 99/);
  });
});
