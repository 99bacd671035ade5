import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAgent } from '../../agent/index.ts';
import type { Reply } from '../../src/core/reply.ts';
import { type Act, createActions } from '../../src/services/actions.ts';
import { createPipelineService, type PipelineService } from '../../src/services/pipelines.ts';
import { createTaskService } from '../../src/services/tasks.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { fakeCatalogue } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop, type Workshop } from '../fakes/workshop.ts';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let workshop: Workshop;
let pipelines: PipelineService;
let act: Act;
const ann = { userId: 'ann' };

beforeEach(async () => {
  home = await temporaryFolder();
  workshop = openWorkshop(home.path);
  const { executor, journal } = workshop;
  pipelines = createPipelineService({
    catalogue: fakeCatalogue,
    executor,
    journal,
    admit: () => ({}),
    fullName: () => undefined,
  });
  // The words are those of the real catalogue, in which `retry` and `compare_runs` are.
  act = createActions(catalogue, createTaskService(catalogue), pipelines);
});

afterEach(async () => {
  await workshop.close();
  await home[Symbol.asyncDispose]();
});

async function run(inputs: object): Promise<string> {
  const node = (node_id: string, more: object) => ({ node_id, task_name: 'heavy', inputs: more });
  const nodes = [node('first', {}), { ...node('tune', inputs), input_mappings: { 'first.model_id': 'model_id' } }];
  const { pipeline_id } = pipelines.submit(ann, { nodes });
  await workshop.frame(pipeline_id, 'pipeline_finished');
  return pipeline_id;
}

/** What the offline engine makes of words, without doing it. */
async function understood(text: string): Promise<Reply> {
  const agent = createAgent({ catalogue, registry, dryRun: true });
  return agent.processMessage(text, { userId: 'ann', conversationId: 'c' });
}

describe('a run that was out of memory', () => {
  it('says where and why, and what to say; that sentence then works', async () => {
    const id = await run({ behaviour: 'greedy' });
    const { text } = await act('get_status', {}, ann);
    expect(text).toContain('tune: failed at step 3 of 9. The task ran out of memory.');
    const [, sentence = ''] = /Say "(.+)"/.exec(text) ?? [];
    expect(sentence).toBe('retry with batch size 4');
    const reply = await understood(sentence);
    if (reply.kind !== 'action') throw new Error(reply.text);
    expect(reply.action).toEqual({ name: 'retry', args: { inputs: { batch_size: 4 } } });
    await act(reply.action.name, reply.action.args, ann);
    await workshop.frame(id, 'task_succeeded', 'tune');
    const starts = workshop.frames(id).flatMap((frame) => (frame.type === 'task_started' ? [frame.node_id] : []));
    expect(starts).toEqual(['first', 'tune', 'tune']);
  });

  it('keeps the other value after a restart', async () => {
    const id = await run({ behaviour: 'greedy' });
    await act('retry', { inputs: { batch_size: 2 } }, ann);
    await workshop.frame(id, 'task_succeeded', 'tune');
    await workshop.close();
    workshop = openWorkshop(home.path);
    const task = workshop.executor.run(id)?.tasks.get('tune');
    expect(task).toMatchObject({ state: 'succeeded', inputs: { batch_size: 2 } });
  });

  it('refuses a value that is out of range or that nothing takes, and changes nothing', async () => {
    const id = await run({ behaviour: 'greedy' });
    const before = workshop.frames(id).length;
    await expect(act('retry', { inputs: { batch_size: 0 } }, ann)).rejects.toThrow(/batch_size/);
    await expect(act('retry', { inputs: { learning_rate: 1 } }, ann)).rejects.toThrow(/takes learning_rate/);
    expect(workshop.frames(id)).toHaveLength(before);
  });
});

describe('a retry', () => {
  it('goes on from the checkpoint of the try before', async () => {
    const id = await run({ behaviour: 'resumable' });
    await act('retry', {}, ann);
    await workshop.frame(id, 'task_succeeded', 'tune');
    const attempts = workshop
      .frames(id)
      .flatMap((frame) => (frame.type === 'task_started' && frame.node_id === 'tune' ? [frame.attempt_id] : []));
    // Checkpoints are large: each is kept only until it has been taken over or is needed no more.
    for (const attempt of attempts) {
      await expect.poll(() => existsSync(join(home.path, 'attempts', attempt, 'checkpoint'))).toBe(false);
    }
  });

  it('with other values begins anew', async () => {
    const id = await run({ behaviour: 'resumable' });
    await act('retry', { inputs: { batch_size: 2 } }, ann);
    await workshop.frame(id, 'task_started', 'tune');
    await vi.waitUntil(() => workshop.frames(id).filter((frame) => frame.type === 'task_failed').length === 2);
  });
});

describe('runs that are compared', () => {
  it('show the inputs in which they differ, and what they measured', async () => {
    const ids = [await run({ steps: 2, step_ms: 1 }), await run({ steps: 4, step_ms: 1 })];
    const { data, text } = await act('compare_runs', {}, ann);
    expect(data).toMatchObject({
      pipeline_ids: ids,
      inputs: [{ node_id: 'tune', name: 'steps', values: [2, 4] }],
      metrics: expect.arrayContaining([{ node_id: 'tune', name: 'steps', values: [2, 4] }]),
    });
    expect(text).toMatch(/tune\.steps +2 +4/);
  });

  it('are at least two, and the caller’s own', async () => {
    await expect(act('compare_runs', {}, ann)).rejects.toThrow(/no two pipelines/);
    const id = await run({});
    await expect(act('compare_runs', { ids: [id, id] }, { userId: 'bob' })).rejects.toThrow(/There is no pipeline/);
  });
});

describe('a run that is to begin from scratch', () => {
  it('runs every step anew as another pipeline, and takes nothing from an earlier one', async () => {
    const id = await run({});
    const reply = await understood(`rerun ${id} from scratch`);
    if (reply.kind !== 'action') throw new Error(reply.text);
    expect(reply.action).toEqual({ name: 'retry', args: { id, fresh: true } });
    const { data } = await act(reply.action.name, reply.action.args, ann);
    const { pipeline_id } = data as { pipeline_id: string };
    expect(pipeline_id).not.toBe(id);
    await workshop.frame(pipeline_id, 'pipeline_finished');
    expect(workshop.frames(pipeline_id).filter(({ type }) => type === 'task_started')).toHaveLength(2);
  });

  it('may have other values', async () => {
    const id = await run({ steps: 1 });
    const { data } = await act('retry', { id, fresh: true, inputs: { steps: 2 } }, ann);
    const { pipeline_id } = data as { pipeline_id: string };
    await workshop.frame(pipeline_id, 'pipeline_finished');
    expect(workshop.executor.run(pipeline_id)?.tasks.get('tune')?.inputs).toMatchObject({ steps: 2 });
  });
});
