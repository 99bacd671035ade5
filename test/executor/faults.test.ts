import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/executor/clock.ts';
import { systemClock } from '../../src/executor/clock.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop, type Workshop, type WorkshopOptions } from '../fakes/workshop.ts';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let workshop: Workshop;

beforeEach(async () => {
  home = await temporaryFolder();
});

afterEach(async () => {
  await workshop.close();
  await home[Symbol.asyncDispose]();
});

function open(options: WorkshopOptions = {}): Workshop {
  workshop = openWorkshop(home.path, options);
  return workshop;
}

async function reopen(options: WorkshopOptions = {}): Promise<void> {
  await workshop.close();
  open(options);
  await workshop.executor.recover();
}

const heavy = (node_id: string, inputs: object = {}, more: object = {}) => ({
  node_id,
  task_name: 'heavy',
  inputs,
  ...more,
});
const dayMs = 24 * 3600 * 1000;

describe('a clock that is set a day', () => {
  const clockAt = (offset: { ms: number }): Clock => ({ ...systemClock, now: () => Date.now() + offset.ms });

  it.each([1, -1])('%i: keeps no retry waiting, times nothing out and measures no nonsense', async (days) => {
    const offset = { ms: 0 };
    open({ clock: clockAt(offset) });
    const id = workshop.submit([
      heavy('slow', { steps: 20, step_ms: 20 }),
      heavy('failing', { behaviour: 'retryable' }, { policy: { max_attempts: 2 } }),
    ]);
    await workshop.frame(id, 'attempt_failed', 'failing');
    offset.ms = days * dayMs;
    await workshop.frame(id, 'pipeline_finished');
    expect(workshop.executor.run(id)?.tasks.get('slow')).toMatchObject({ state: 'succeeded', attempts: 1 });
    expect(workshop.frames(id).filter(({ type }) => type === 'task_started')).toHaveLength(3);
    for (const frame of workshop.frames(id)) {
      if (!('seconds' in frame) || frame.type === 'pipeline_finished') continue;
      expect(frame.seconds).toBeGreaterThan(0);
      expect(frame.seconds).toBeLessThan(60);
    }
  });

  it.each([1, -1])('%i: between two lives of the server stops nothing that runs', async (days) => {
    open();
    const id = workshop.submit([heavy('a', { steps: 60, step_ms: 20 }, { policy: { timeout_seconds: 60 } })]);
    await workshop.frame(id, 'task_progress', 'a');
    await reopen({ clock: clockAt({ ms: days * dayMs }) });
    const { seconds } = await workshop.frame(id, 'task_succeeded', 'a');
    expect(seconds).toBeLessThan(60);
    expect(workshop.executor.run(id)?.tasks.get('a')?.attempts).toBe(1);
  });

  it('back, between a failure and the next life, holds the retry back no longer than it was to be', async () => {
    open();
    const id = workshop.submit([heavy('a', { behaviour: 'retryable' }, { policy: { max_attempts: 2 } })]);
    await workshop.frame(id, 'attempt_failed', 'a');
    await reopen({ clock: clockAt({ ms: -dayMs }) });
    await workshop.frame(id, 'task_failed', 'a');
  });
});

describe('cancel', () => {
  it('against success ends in exactly one state, whichever comes first', async () => {
    open();
    for (let round = 0; round < 10; round += 1) {
      const id = workshop.submit([heavy('a', { steps: 1, step_ms: round }), heavy('b', {})], {
        policy: { reuse: false },
      });
      await workshop.frame(id, 'task_progress', 'a');
      workshop.executor.cancel(id, 'test');
      await workshop.frame(id, 'pipeline_finished');
      const ends = workshop
        .frames(id)
        .filter(({ type }) => type === 'task_succeeded' || type === 'task_cancelled')
        .flatMap((frame) => ('node_id' in frame ? [frame.node_id] : []));
      expect(ends.sort()).toEqual(['a', 'b']);
    }
  });

  it('kills after its grace period what ignores SIGTERM', async () => {
    open();
    const id = workshop.submit([heavy('a', { behaviour: 'stubborn' }, { policy: { grace_seconds: 0.2 } })]);
    await workshop.frame(id, 'task_message', 'a');
    workshop.executor.cancel(id, 'test');
    expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'cancelled' });
  });

  it('of one pipeline leaves the others alone, and frees its place in the queue', async () => {
    open({ heavyTasks: 1 });
    const first = workshop.submit([heavy('a', { behaviour: 'hang' })]);
    await workshop.frame(first, 'task_message', 'a');
    const second = workshop.submit([heavy('a')]);
    const waiting = workshop.executor.run(second)?.tasks.get('a')?.task_id ?? '';
    await expect.poll(() => workshop.executor.queue().get(waiting)).toEqual({ position: 1, waitsFor: 'heavy tasks' });
    workshop.executor.cancel(first, 'test');
    expect(await workshop.frame(second, 'pipeline_finished')).toMatchObject({ state: 'succeeded' });
    expect(workshop.executor.queue().size).toBe(0);
  });
});

describe('a policy', () => {
  it('limits the time of a try, and a time limit is final', async () => {
    open();
    const policy = { timeout_seconds: 0.3, grace_seconds: 0.1 };
    const id = workshop.submit([heavy('a', { behaviour: 'hang' }, { policy })]);
    const { error } = await workshop.frame(id, 'task_failed', 'a');
    expect(error).toMatchObject({
      kind: 'terminal',
      code: 'timed_out',
      hint: expect.stringContaining('timeout_seconds'),
    });
  });

  it('of the pipeline holds for each node that has none of its own', async () => {
    open();
    const failing = { behaviour: 'retryable' };
    const id = workshop.submit([heavy('one', failing), heavy('two', failing, { policy: { max_attempts: 2 } })], {
      policy: { max_attempts: 1 },
    });
    await workshop.frame(id, 'pipeline_finished');
    const starts = workshop.frames(id).flatMap((frame) => (frame.type === 'task_started' ? [frame.node_id] : []));
    expect(starts.sort()).toEqual(['one', 'two', 'two']);
  });
});

describe('an orderly end', () => {
  it('lets tasks of this process finish, starts nothing more, and lets go of the others', async () => {
    open();
    const goesOn = workshop.submit([heavy('a', { steps: 40, step_ms: 20 })]);
    await workshop.frame(goesOn, 'task_progress', 'a');
    const id = workshop.submit([
      { node_id: 'light', task_name: 'add_one', inputs: { value: 1, wait_ms: 150 } },
      { node_id: 'next', task_name: 'add_one', input_mappings: { 'light.value': 'value' } },
    ]);
    await workshop.frame(id, 'task_started', 'light');
    await workshop.executor.close(10_000);
    const types = workshop.frames(id).map(({ type }) => type);
    expect(types).toEqual(['pipeline_submitted', 'task_started', 'task_succeeded']);
    await reopen();
    expect(await workshop.over(id)).toBe('succeeded');
    expect(await workshop.over(goesOn)).toBe('succeeded');
    expect(workshop.executor.run(goesOn)?.tasks.get('a')?.attempts).toBe(1);
  });
});

describe('a restart', () => {
  it('that loses tasks of this process again and again costs none of their tries', async () => {
    open();
    const node = { node_id: 'a', task_name: 'add_one', inputs: { value: 1, wait_ms: 60_000 } };
    const id = workshop.submit([{ ...node, policy: { max_attempts: 1 } }]);
    for (let life = 1; life <= 5; life += 1) {
      await expect.poll(() => workshop.executor.run(id)?.tasks.get('a')?.attempts).toBe(life);
      await reopen();
    }
    expect(workshop.executor.run(id)?.state).toBe('running');
    workshop.executor.cancel(id, 'test');
    await workshop.frame(id, 'pipeline_finished');
  });

  it('stops what runs for a start that the journal has lost', async () => {
    open();
    const id = workshop.submit([heavy('a', { behaviour: 'hang' })]);
    const { attempt_id } = await workshop.frame(id, 'task_started', 'a');
    await workshop.frame(id, 'task_message', 'a');
    await workshop.close();
    const attempts = join(home.path, 'attempts');
    const other = await temporaryFolder();
    // The journal of another folder knows nothing of it.
    const { openSqliteJournal } = await import('../../src/executor/journal/sqlite-journal.ts');
    open({ journal: openSqliteJournal(join(other.path, 'journal.sqlite')) });
    await workshop.executor.recover();
    await expect.poll(() => existsSync(join(attempts, attempt_id, 'pid'))).toBe(false);
    expect(readdirSync(attempts)).toContain(attempt_id);
    await other[Symbol.asyncDispose]();
  });
});

describe('a task that ended while no server ran', () => {
  it('has its result collected, however long ago that was and whatever its time limit', async () => {
    open();
    const id = workshop.submit([heavy('a', { steps: 15, step_ms: 20 }, { policy: { timeout_seconds: 30 } })]);
    const { attempt_id } = await workshop.frame(id, 'task_started', 'a');
    await workshop.frame(id, 'task_progress', 'a');
    await workshop.close();
    await expect.poll(() => existsSync(join(home.path, 'attempts', attempt_id, 'result.json'))).toBe(true);
    open({ clock: { ...systemClock, now: () => Date.now() + 3 * dayMs } });
    await workshop.executor.recover();
    const { seconds } = await workshop.frame(id, 'task_succeeded', 'a');
    expect(seconds).toBeLessThan(30);
    expect(workshop.frames(id).filter(({ type }) => type === 'task_started')).toHaveLength(1);
  });
});

describe('room that comes free all at once', () => {
  it('is shared between the users that wait for it', async () => {
    open({ heavyTasks: 4 });
    await workshop.executor.close();
    open({ heavyTasks: 4 });
    const nodes = Array.from({ length: 6 }, (_, index) => heavy(`n${index}`, { behaviour: 'hang', value: index }));
    workshop.userId = 'ann';
    const anns = workshop.submit(nodes);
    workshop.userId = 'bob';
    const bobs = workshop.submit(nodes);
    await workshop.frame(bobs, 'task_started');
    const started = (id: string) => workshop.frames(id).filter(({ type }) => type === 'task_started').length;
    expect([started(anns), started(bobs)]).toEqual([2, 2]);
    for (const id of [anns, bobs]) workshop.executor.cancel(id, 'test');
    for (const id of [anns, bobs]) await workshop.over(id);
  });
});

describe('an id as long as may be', () => {
  it('can be used twice, and both can be read again', async () => {
    open();
    const pipeline_id = 'x'.repeat(200);
    const ids = [1, 2].map((value) => workshop.submit([heavy('a', { steps: 1, value })], { pipeline_id }));
    for (const id of ids) expect(await workshop.over(id)).toBe('succeeded');
    expect(new Set(ids).size).toBe(2);
    expect(ids.map((id) => workshop.executor.run(id)?.state)).toEqual(['succeeded', 'succeeded']);
  });
});
