/** The whole way with the real Python runtime: command line, server, venv runner, tiny settings. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import type { Frame } from '../../src/core/events.ts';
import { openSqliteJournal } from '../../src/executor/journal/sqlite-journal.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const fixture = (name: string) => join(root, 'test', 'fixtures', name);
const builtin = ['--input', 'dataset_path=builtin:squad-mini', '--input', 'model_name=builtin:tiny-llama'];
const quick = ['--input', 'max_steps=3', '--input', 'max_samples=40'];

let home: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  home = await temporaryFolder();
  // The environment that `npm test` has made serves here, too.
  const made = parseConfig(process.env).home;
  await mkdir(join(made, 'environments'), { recursive: true });
  await symlink(join(made, 'environments'), join(home.path, 'environments'));
});

const launched: ChildProcess[] = [];

afterAll(async () => {
  // A test that fails half-way leaves no server behind.
  for (const child of launched) child.kill('SIGKILL');
  await home[Symbol.asyncDispose]();
});

function launch(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [join(root, 'src', 'cli.ts'), ...args], {
    env: { ...process.env, TRAINYARD_HOME: home.path, TRAINYARD_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  launched.push(child);
  return child;
}

async function trainyard(...args: string[]) {
  const child = launch(...args);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout ?? expect.fail()),
    text(child.stderr ?? expect.fail()),
    once(child, 'exit'),
  ]);
  return { code: code as number, out, err };
}

it("runs the first pipeline of the user's document on built-in names", async () => {
  const { code, out, err } = await trainyard(
    'submit',
    fixture('finetune-and-eval.json'),
    '--wait',
    '--json',
    ...builtin,
    ...quick,
  );
  expect(err).toContain('finetune');
  const { status } = JSON.parse(out);
  expect(status.tasks.map((task: { state: string }) => task.state)).toEqual(['succeeded', 'succeeded']);
  expect(status.tasks[1].outputs).toMatchObject({
    model_id: expect.stringMatching(/^model_/),
    lora_id: expect.stringMatching(/^lora_/),
  });
  expect(code).toBe(0);
});

it("runs the second one, and without a hub's answer fails at what needs it, saying so", async () => {
  const run = await trainyard('submit', fixture('simple-finetune.json'), '--wait', ...builtin, ...quick);
  expect(run.code).toBe(0);
  // A model that any machine has the memory for: a larger one would be refused before anything is asked.
  const names = ['--input', 'dataset_path=squad', '--input', 'model_name=gpt2'];
  process.env.HF_ENDPOINT = 'http://127.0.0.1:9';
  const away = await trainyard('submit', fixture('simple-finetune.json'), '--wait', ...names);
  delete process.env.HF_ENDPOINT;
  expect(away.code).toBe(1);
  expect(away.out).toMatch(/load_data failed: .*can't be reached to load the dataset squad/);
  expect(away.out).toContain('load_cfg');
});

it('names the row that is malformed and exits with 2', async () => {
  const file = join(home.path, 'rows.jsonl');
  await writeFile(file, '{"prompt": "a", "completion": "b"}\n{"prompt": "c"}\n');
  const { code, out } = await trainyard('run', `load ${file}`);
  expect(out).toMatch(/row 2/i);
  expect(code).toBe(2);
});

it('finetunes, quantizes and evaluates on, after kill -9 of the server, without a gap or a double', async () => {
  const server = launch('start');
  await firstLine(server, /listens on/);
  const pipeline = {
    global_inputs: { max_samples: 40 },
    nodes: [
      { node_id: 'data', task_name: 'load_dataset', inputs: { dataset_path: 'builtin:squad-mini' } },
      {
        node_id: 'tune',
        task_name: 'finetune',
        inputs: { model_name: 'builtin:tiny-llama', max_steps: 60, batch_size: 2 },
        input_mappings: { 'data.dataset_id': 'dataset_id' },
      },
      { node_id: 'ptq', task_name: 'ptq', input_mappings: { 'tune.model_id': 'model_id' } },
      {
        node_id: 'eval',
        task_name: 'evaluate',
        input_mappings: { 'ptq.model_id': 'model_id', 'data.dataset_id': 'dataset_id' },
      },
    ],
  };
  const file = join(home.path, 'pipeline.json');
  await writeFile(file, JSON.stringify(pipeline));
  const submitted = await trainyard('submit', file, '--json', '--fresh');
  const { pipeline_id } = JSON.parse(submitted.out);
  await untilFrame(
    pipeline_id,
    (frame) => frame.type === 'task_progress' && frame.node_id === 'tune' && frame.step > 2,
  );
  server.kill('SIGKILL');
  await once(server, 'exit');

  const again = launch('start');
  await firstLine(again, /Going on with 1 pipeline/);
  const frames = await untilFrame(pipeline_id, (frame) => frame.type === 'pipeline_finished');
  expect(frames.at(-1)).toMatchObject({ type: 'pipeline_finished', state: 'succeeded' });
  for (const type of ['task_started', 'task_succeeded']) {
    const nodes = frames.flatMap((frame) => (frame.type === type && 'node_id' in frame ? [frame.node_id] : []));
    expect(nodes.toSorted()).toEqual(['data', 'eval', 'ptq', 'tune']);
  }
  const offsets = frames.flatMap((frame) =>
    'node_id' in frame && frame.node_id === 'tune' && 'offset' in frame && frame.offset !== undefined
      ? [frame.offset]
      : [],
  );
  expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
  again.kill('SIGTERM');
  await once(again, 'exit');
});

/** Waits for a line of a server's output. */
async function firstLine(server: ChildProcess, pattern: RegExp): Promise<void> {
  let seen = '';
  for await (const chunk of server.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    seen += String(chunk);
    if (pattern.test(seen)) return;
  }
  expect.fail(`The server ended without saying ${pattern}: ${seen}`);
}

/** The frames of a pipeline, as another process reads them from the journal, once one of them is the wanted one. */
async function untilFrame(pipelineId: string, wanted: (frame: Frame) => boolean): Promise<Frame[]> {
  const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
  try {
    return await expect
      .poll(() => journal.read({ after: 0, limit: 100_000, pipelineId }), { timeout: 300_000, interval: 100 })
      .toSatisfy((frames: Frame[]) => frames.some(wanted))
      .then(() => journal.read({ after: 0, limit: 100_000, pipelineId }));
  } finally {
    journal.close();
  }
}
