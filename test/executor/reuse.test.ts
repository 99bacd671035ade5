import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

const first = { node_id: 'first', task_name: 'heavy', inputs: { steps: 1 } };
const second = { node_id: 'second', task_name: 'heavy', input_mappings: { 'first.model_id': 'model_id' } };

/** How each node came to its result: run or reused. */
async function run(nodes: object[], more: object = {}): Promise<Record<string, string>> {
  const id = workshop.submit(nodes, more);
  expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'succeeded' });
  const ways = workshop.frames(id).flatMap((frame) => {
    if (frame.type === 'task_started') return [[frame.node_id, 'run']];
    return frame.type === 'task_reused' ? [[frame.node_id, 'reused']] : [];
  });
  return Object.fromEntries(ways);
}

describe('an equal run', () => {
  it('need not run again: its result stands for the new one, with a link to the original', async () => {
    const original = workshop.submit([first, second]);
    await workshop.frame(original, 'pipeline_finished');
    const id = workshop.submit([second, first]);
    await workshop.frame(id, 'pipeline_finished');
    const reused = await workshop.frame(id, 'task_reused', 'second');
    const { task_id, outputs, seconds } = await workshop.frame(original, 'task_succeeded', 'second');
    expect(reused).toMatchObject({ original: { pipeline_id: original, task_id }, outputs, seconds });
    expect(workshop.executor.run(id)?.tasks.get('second')).toMatchObject({
      state: 'succeeded',
      reusedFrom: { pipeline_id: original, task_id },
    });
  });

  it('is reused after a restart, too', async () => {
    await run([first, second]);
    await workshop.close();
    workshop = openWorkshop(home.path);
    expect(await run([first, second])).toEqual({ first: 'reused', second: 'reused' });
  });

  it('is run again where that is asked for, for a node or for all', async () => {
    await run([first, second]);
    expect(await run([{ ...first, policy: { reuse: false } }, second])).toEqual({ first: 'run', second: 'reused' });
    const all = { policy: { reuse: false } };
    expect(await run([first, second], all)).toEqual({ first: 'run', second: 'run' });
    expect(await run([{ ...first, policy: { reuse: true } }, second], all)).toEqual({ first: 'reused', second: 'run' });
  });

  it('is none with other inputs, and what follows from them runs', async () => {
    await run([first, second]);
    expect(await run([{ ...first, inputs: { steps: 2 } }, second])).toEqual({ first: 'run', second: 'reused' });
    expect(await run([first, { ...second, inputs: { steps: 2 } }])).toEqual({ first: 'reused', second: 'run' });
  });

  it('is none where a file that it names has changed', async () => {
    const path = join(home.path, 'data.jsonl');
    const node = { node_id: 'a', task_name: 'heavy', inputs: { path } };
    await writeFile(path, 'one');
    expect(await run([node])).toEqual({ a: 'run' });
    expect(await run([node])).toEqual({ a: 'reused' });
    await writeFile(path, 'two');
    expect(await run([node])).toEqual({ a: 'run' });
  });

  it('is none where its files are gone', async () => {
    await run([first]);
    await rm(join(home.path, 'artifacts'), { recursive: true });
    expect(await run([first])).toEqual({ first: 'run' });
  });

  it('is none where a file of it was cut short, and running it mends that', async () => {
    const id = workshop.submit([first]);
    const { resources } = await workshop.frame(id, 'task_succeeded', 'first');
    const artifact = resources.model_id?.artifacts[0] ?? expect.fail('no artifact');
    const stored = join(home.path, 'artifacts', artifact.sha256.slice(0, 2), artifact.sha256);
    await chmod(stored, 0o644);
    await writeFile(stored, '');
    expect(await run([first])).toEqual({ first: 'run' });
    expect(await readFile(stored, 'utf8')).toHaveLength(artifact.bytes);
    expect(await run([first])).toEqual({ first: 'reused' });
  });

  it('of another user stays that one’s own', async () => {
    await run([first]);
    workshop.userId = 'another';
    expect(await run([first])).toEqual({ first: 'run' });
  });

  it('is none where it failed', async () => {
    const bad = { node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'fail' } };
    await workshop.frame(workshop.submit([bad]), 'pipeline_finished');
    const again = workshop.submit([bad]);
    await workshop.frame(again, 'pipeline_finished');
    expect(workshop.frames(again).map(({ type }) => type)).toContain('task_started');
  });

  it('that waits for room while its equal runs takes the result of that', async () => {
    await workshop.close();
    workshop = openWorkshop(home.path, { heavyTasks: 1 });
    const ids = [workshop.submit([first]), workshop.submit([first])];
    for (const id of ids) expect(await workshop.over(id)).toBe('succeeded');
    expect(await workshop.frame(ids[1] ?? '', 'task_reused', 'first')).toMatchObject({
      original: { pipeline_id: ids[0] },
    });
  });

  it('is found by what its inputs are, not by how they look', async () => {
    const node = { node_id: 'a', task_name: 'heavy', inputs: { path: 'lora_v2' } };
    expect(await run([node])).toEqual({ a: 'run' });
    expect(await run([node])).toEqual({ a: 'reused' });
  });
});
