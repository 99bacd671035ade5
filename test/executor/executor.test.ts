import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkPipeline } from '../../src/core/check-pipeline.ts';
import { UserError } from '../../src/core/errors.ts';
import { fakeCatalogue } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop, type Workshop } from '../fakes/workshop.ts';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let workshop: Workshop;

beforeEach(async () => {
  home = await temporaryFolder();
  workshop = openWorkshop(home.path);
});

afterEach(async () => {
  await workshop.close();
  await home[Symbol.asyncDispose]();
});

const add = (node_id: string, from?: string, inputs: object = {}) => ({
  node_id,
  task_name: 'add_one',
  inputs: from === undefined ? { value: 0, ...inputs } : inputs,
  ...(from !== undefined && { input_mappings: { [`${from}.value`]: 'value' } }),
});

describe('a pipeline', () => {
  it('passes results along mappings and globals to the end', async () => {
    const id = workshop.submit([add('a'), add('b', 'a'), { node_id: 'c', task_name: 'add_one' }, add('d', 'b')], {
      global_inputs: { value: 10 },
    });
    expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'succeeded' });
    const outputs = workshop
      .frames(id)
      .flatMap((frame) => (frame.type === 'task_succeeded' ? [[frame.node_id, frame.outputs.value]] : []));
    expect(Object.fromEntries(outputs)).toEqual({ a: 1, b: 2, c: 11, d: 3 });
  });

  it('runs independent nodes at the same time', async () => {
    const heavy = (node_id: string) => ({ node_id, task_name: 'heavy', inputs: { behaviour: 'hang' } });
    const id = workshop.submit([heavy('a'), heavy('b')]);
    await Promise.all([workshop.frame(id, 'task_message', 'a'), workshop.frame(id, 'task_message', 'b')]);
    workshop.executor.cancel(id, 'test');
    await workshop.frame(id, 'pipeline_finished');
  });

  it('stops at a failed node what depends on it, and nothing else', async () => {
    const id = workshop.submit([
      add('bad', undefined, { fail: true }),
      add('after', 'bad'),
      add('last', 'after'),
      add('other'),
    ]);
    expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'failed' });
    const states = [...(workshop.executor.run(id)?.tasks ?? [])].map(([name, task]) => [name, task.state]);
    expect(Object.fromEntries(states)).toEqual({
      bad: 'failed',
      after: 'skipped',
      last: 'skipped',
      other: 'succeeded',
    });
    expect(workshop.bugs).toHaveLength(1);
  });

  it('hands an artifact from task to task by id', async () => {
    const id = workshop.submit([
      { node_id: 'a', task_name: 'heavy' },
      { node_id: 'b', task_name: 'heavy', input_mappings: { 'a.model_id': 'model_id' } },
    ]);
    expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'succeeded' });
    const { resources } = await workshop.frame(id, 'task_succeeded', 'b');
    const first = (await workshop.frame(id, 'task_succeeded', 'a')).outputs.model_id;
    expect(resources.model_id?.metadata).toEqual({ from: [first] });
    expect(workshop.journal.resource(String(first))?.artifacts[0]).toMatchObject({ path: 'weights.bin' });
  });

  it('writes a sequence of events without gaps', async () => {
    const id = workshop.submit([add('a'), add('b', 'a')]);
    await workshop.frame(id, 'pipeline_finished');
    const numbers = workshop.journal.read({ after: 0, limit: 1000 }).map((frame) => frame.seq);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });
});

describe('failure', () => {
  it("says the task's own words for what it refused", async () => {
    const id = workshop.submit([{ node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'fail' } }]);
    const { error } = await workshop.frame(id, 'task_failed');
    expect(error).toEqual({ kind: 'user', code: 'bad_row', message: 'Row 3 is bad.', hint: 'Mend it.' });
  });

  it('tries again what may pass, three times in all', async () => {
    const id = workshop.submit([{ node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'retryable' } }]);
    await workshop.frame(id, 'task_failed');
    expect(workshop.frames(id).filter((frame) => frame.type === 'task_started')).toHaveLength(3);
  });

  it('retry goes on from what failed and runs nothing finished again', async () => {
    const id = workshop.submit([add('good'), add('bad', 'good', { fail: true }), add('after', 'bad')]);
    await workshop.frame(id, 'pipeline_finished');
    workshop.executor.retry(id, 'test');
    const seen = workshop.journal.lastSeq();
    await new Promise<void>((resolve) => {
      const stop = workshop.journal.onAppend(() => {
        if (workshop.frames(id).findLast((frame) => frame.type === 'pipeline_finished')?.seq ?? 0 > seen) {
          stop();
          resolve();
        }
      });
    });
    const started = workshop.frames(id).flatMap((frame) => (frame.type === 'task_started' ? [frame.node_id] : []));
    expect(started).toEqual(['good', 'bad', 'bad']);
  });

  it('refuses a retry where nothing failed', async () => {
    const id = workshop.submit([add('a')]);
    await workshop.frame(id, 'pipeline_finished');
    expect(() => workshop.executor.retry(id, 'test')).toThrow(UserError);
  });
});

describe('cancel', () => {
  it('stops what runs, drops what waits, and ends in one state', async () => {
    const id = workshop.submit([
      { node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'hang' } },
      { node_id: 'b', task_name: 'heavy', input_mappings: { 'a.model_id': 'model_id' } },
    ]);
    await workshop.frame(id, 'task_message', 'a');
    expect(workshop.executor.cancel(id, 'test')).toBe(true);
    expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'cancelled' });
    const ends = workshop.frames(id).filter((frame) => frame.type === 'task_cancelled');
    expect(ends).toHaveLength(2);
    expect(workshop.executor.cancel(id, 'test')).toBe(false);
  });
});

describe('submission', () => {
  it('with the same idempotency key is one pipeline', () => {
    const request = { userId: 'test', idempotencyKey: 'once' };
    const checked = checkPipeline({ nodes: [add('a')] }, fakeCatalogue);
    const first = workshop.executor.submit(checked, request);
    const second = workshop.executor.submit(checked, request);
    expect(second).toEqual(first);
    const other = checkPipeline({ nodes: [add('b')] }, fakeCatalogue);
    expect(() => workshop.executor.submit(other, request)).toThrow(/stands for/);
    expect(workshop.executor.submit(other, { ...request, userId: 'another' })).not.toEqual(first);
  });

  it("keeps the author's pipeline_id and numbers a second one", () => {
    expect(workshop.submit([add('a')], { pipeline_id: 'mine' })).toBe('mine');
    expect(workshop.submit([add('a')], { pipeline_id: 'mine' })).toBe('mine_2');
  });
});

describe('a restart', () => {
  it('follows a task that went on, from where the journal ended', async () => {
    const id = workshop.submit([{ node_id: 'a', task_name: 'heavy', inputs: { steps: 40, step_ms: 25 } }, add('b')]);
    await workshop.frame(id, 'task_progress', 'a');
    await workshop.close();
    workshop = openWorkshop(home.path);
    await workshop.executor.recover();
    expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'succeeded' });
    const steps = workshop.frames(id).flatMap((frame) => (frame.type === 'task_progress' ? [frame.step] : []));
    expect(steps).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(workshop.frames(id).filter((frame) => frame.type === 'task_started' && frame.node_id === 'a')).toHaveLength(
      1,
    );
  });

  it('finds a finished task finished', async () => {
    const id = workshop.submit([add('a')]);
    await workshop.frame(id, 'pipeline_finished');
    await workshop.close();
    workshop = openWorkshop(home.path);
    await workshop.executor.recover();
    expect(workshop.executor.run(id)?.state).toBe('succeeded');
  });
});
