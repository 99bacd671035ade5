import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { TrainyardEvent } from '../../../src/core/events.ts';
import { openSqliteJournal } from '../../../src/executor/journal/sqlite-journal.ts';
import { temporaryFolder } from '../../fakes/temporary-folder.ts';

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

  it('refuses a database of a newer version, and says what to do', async () => {
    await using home = await temporaryFolder();
    const file = join(home.path, 'journal.sqlite');
    const db = new Database(file);
    db.pragma('user_version = 99');
    db.close();
    expect(() => openSqliteJournal(file)).toThrow(/newer Trainyard \(schema 99/);
  });

  it('takes up a database of an older version with all that is in it', async () => {
    await using home = await temporaryFolder();
    const file = join(home.path, 'journal.sqlite');
    const old = new Database(file);
    old.exec(readFileSync(join(import.meta.dirname, '..', '..', 'fixtures', 'journal-version-1.sql'), 'utf8'));
    old.close();
    const journal = openSqliteJournal(file);
    expect(journal.read({ after: 0, limit: 10 }).map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'pipeline_submitted'],
      [2, 'task_started'],
      [3, 'task_progress'],
    ]);
    expect(journal.pipelines({ state: 'running', limit: 10 }).map((row) => row.pipeline_id)).toEqual(['pipeline_old']);
    expect(journal.append([message('new')])).toBe(4);
    journal.close();
    openSqliteJournal(file).close();
  });

  it('tells of resources that an earlier version kept whose they are and what they were made from', async () => {
    await using home = await temporaryFolder();
    const file = join(home.path, 'journal.sqlite');
    const old = new Database(file);
    old.exec(readFileSync(join(import.meta.dirname, '..', '..', 'fixtures', 'journal-version-1.sql'), 'utf8'));
    const add = (event: object) =>
      old
        .prepare("INSERT INTO events (time, pipeline_id, body) VALUES ('2026-01-01', ?, ?)")
        .run('pipeline_old', JSON.stringify(event));
    const ids = { pipeline_id: 'pipeline_old', task_id: 'task_9', node_id: 'a', attempt_id: 'att_9' };
    const made = (id: string) => ({
      resource_id: id,
      kind: 'model',
      artifacts: [{ path: 'w', sha256: `of ${id}`, bytes: 1 }],
      metadata: {},
    });
    for (const id of ['model_1', 'model_2', 'model_orphan']) {
      old.prepare('INSERT INTO resources VALUES (?, ?)').run(id, JSON.stringify(made(id)));
    }
    const begin = { type: 'task_started', ...ids, task_name: 'heavy', attempt: 1, runner: 'process' };
    const end = { type: 'task_succeeded', ...ids, outputs: {}, seconds: 1 };
    add({ ...begin, inputs: {} });
    add({ ...end, resources: { model_id: made('model_1') } });
    add({ ...begin, task_id: 'task_10', inputs: { model_id: 'model_1' } });
    add({ ...end, task_id: 'task_10', resources: { model_id: made('model_2') } });
    const owner = String(old.prepare("SELECT user_id FROM pipelines WHERE pipeline_id = 'pipeline_old'").pluck().get());
    old.close();
    const journal = openSqliteJournal(file);
    expect(journal.ownedResource(owner, 'model_2')).toMatchObject({
      since: '2026-01-01',
      made_by: { task_id: 'task_10', task_name: 'heavy', inputs: { model_id: 'model_1' } },
    });
    expect(journal.madeFrom(owner, 'model_2')).toEqual(['model_1']);
    expect(journal.madeOf(owner, 'model_1')).toEqual(['model_2']);
    expect(journal.ownedResource('local', 'model_orphan')).toMatchObject({ kind: 'model' });
    expect(journal.isFileNamed('of model_orphan')).toBe(true);
    journal.close();
  });

  it('opens with what was committed last where the write-ahead log is torn', async () => {
    await using home = await temporaryFolder();
    const file = join(home.path, 'journal.sqlite');
    const journal = openSqliteJournal(file);
    for (let index = 1; index <= 50; index += 1) journal.append([message(`message ${index}`)]);
    // As a power failure leaves it: the files as they are now, and the end of the log not as it was written.
    const log = readFileSync(`${file}-wal`);
    for (const [name, torn] of [
      ['short', log.subarray(0, log.length - 5000)],
      ['garbled', Buffer.concat([log.subarray(0, log.length - 9000), Buffer.alloc(9000, 7)])],
    ] as const) {
      const copy = join(home.path, `${name}.sqlite`);
      copyFileSync(file, copy);
      writeFileSync(`${copy}-wal`, torn);
      const reopened = openSqliteJournal(copy);
      const last = reopened.lastSeq();
      expect(last, name).toBeGreaterThan(40);
      expect(last, name).toBeLessThan(50);
      const frames = reopened.read({ after: 0, limit: 100 });
      expect(frames.map(({ seq }) => seq)).toEqual(frames.map((_, index) => index + 1));
      expect(reopened.append([message('next')])).toBe(last + 1);
      reopened.close();
    }
    journal.close();
  });
});

describe('retention', () => {
  const over = (pipeline_id: string, progress: number): TrainyardEvent[] => {
    const ids = { pipeline_id, task_id: `task_${pipeline_id}`, node_id: 'a', attempt_id: `att_${pipeline_id}` };
    const step = (at: number): TrainyardEvent => ({
      ...ids,
      type: 'task_progress',
      phase: 'train',
      step: at,
      total: progress,
      eta_seconds: null,
      metrics: { loss: 1 / at },
      offset: at,
    });
    return [
      submission(pipeline_id),
      { ...ids, type: 'task_started', task_name: 'add_one', attempt: 1, runner: 'process', inputs: {} },
      ...Array.from({ length: progress }, (_, index) => step(index + 1)),
      { ...ids, type: 'task_succeeded', outputs: { value: 1 }, resources: {}, seconds: 1 },
      { type: 'pipeline_finished', pipeline_id, state: 'succeeded', seconds: 1 },
    ];
  };
  const rule = { progressKept: 100, thinBeforeMs: Date.now() + 60_000 };

  it('thins the progress of what is over evenly, and keeps its last frame and everything else', async () => {
    await using home = await temporaryFolder();
    const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
    journal.append(over('p1', 1000));
    journal.append(over('p2', 50));
    expect(journal.compactNext(rule)).toMatchObject({ pipelineId: 'p1', forgotten: false });
    expect(journal.compactNext(rule)).toMatchObject({ pipelineId: 'p2' });
    expect(journal.compactNext(rule)).toBeUndefined();
    const steps = (pipelineId: string) =>
      journal
        .read({ after: 0, limit: 10_000, pipelineId })
        .flatMap((frame) => (frame.type === 'task_progress' ? [frame.step] : []));
    expect(steps('p1')).toHaveLength(100);
    expect(steps('p1').slice(-2)).toEqual([990, 1000]);
    expect(steps('p2')).toHaveLength(50);
    const others = journal
      .read({ after: 0, limit: 10_000, pipelineId: 'p1' })
      .filter(({ type }) => type !== 'task_progress');
    expect(others.map(({ type }) => type)).toEqual([
      'pipeline_submitted',
      'task_started',
      'task_succeeded',
      'pipeline_finished',
    ]);
    journal.close();
  });

  it('forgets what has been over for long, and nothing that runs; numbers are not given again', async () => {
    await using home = await temporaryFolder();
    const file = join(home.path, 'journal.sqlite');
    const journal = openSqliteJournal(file);
    journal.append([submission('runs')]);
    journal.append(over('old', 3));
    const last = journal.lastSeq();
    const forgetting = { ...rule, forgetBeforeMs: Date.now() + 60_000 };
    expect(journal.compactNext(forgetting)).toEqual({ pipelineId: 'old', forgotten: true, attemptIds: ['att_old'] });
    expect(journal.compactNext(forgetting)).toBeUndefined();
    expect(journal.pipeline('old')).toBeUndefined();
    expect(journal.pipeline('runs')?.state).toBe('running');
    expect(journal.earlierResults('add_one', 10)).toEqual([]);
    journal.close();
    const reopened = openSqliteJournal(file);
    expect(reopened.append([message('next')])).toBe(last + 1);
    reopened.close();
  });

  it('thins once more what was retried after it', async () => {
    await using home = await temporaryFolder();
    const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
    journal.append(over('p1', 10));
    journal.compactNext(rule);
    journal.append([
      { type: 'pipeline_retried', pipeline_id: 'p1', user_id: 'test' },
      { type: 'pipeline_finished', pipeline_id: 'p1', state: 'failed', seconds: 1 },
    ]);
    expect(journal.compactNext(rule)).toMatchObject({ pipelineId: 'p1' });
    journal.close();
  });
});
