/** The same work in containers and in a Python environment, with the real runtime, through the command line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { openSqliteJournal } from '../../src/executor/journal/sqlite-journal.ts';
import type { PipelineStatus } from '../../src/services/pipeline-status.ts';
import { findDocker } from '../fakes/docker.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const engine = await findDocker();

describe.runIf(engine)('in containers', () => {
  if (engine === undefined) return;
  let home: Awaited<ReturnType<typeof temporaryFolder>>;

  async function trainyard(environment: Record<string, string>, ...args: string[]) {
    const child = spawn(process.execPath, [join(root, 'src', 'cli.ts'), ...args], {
      env: { ...process.env, TRAINYARD_HOME: home.path, TRAINYARD_PORT: '0', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    return { code: code as number, out, err };
  }

  async function run(environment: Record<string, string>, pipeline: object): Promise<PipelineStatus> {
    const file = join(home.path, 'pipeline.json');
    writeFileSync(file, JSON.stringify(pipeline));
    const { out, err } = await trainyard(environment, 'submit', file, '--wait', '--json', '--fresh');
    return (JSON.parse(out || expect.fail(err)) as { status: PipelineStatus }).status;
  }

  const framesOf = (pipelineId: string) => {
    const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
    try {
      return journal.read({ after: 0, limit: 100_000, pipelineId });
    } finally {
      journal.close();
    }
  };

  const placesOf = (pipelineId: string) =>
    framesOf(pipelineId).flatMap((frame) => (frame.type === 'task_placed' ? [frame] : []));

  beforeAll(async () => {
    home = await temporaryFolder();
    const environments = join(parseConfig(process.env).home, 'environments');
    mkdirSync(environments, { recursive: true });
    symlinkSync(environments, join(home.path, 'environments'));
  });
  const hubs: ChildProcess[] = [];
  afterAll(async () => {
    for (const hub of hubs) hub.kill();
    await home[Symbol.asyncDispose]();
  });

  const docker = { TRAINYARD_ISOLATION: 'docker' };

  it('says what to do where there is no image yet, and builds one of less than 2 GB', async () => {
    const without = await trainyard(docker, 'start');
    expect(without.code).toBe(2);
    expect(without.err).toMatch(/There is no image for tasks yet.\nRun `trainyard image build`/);
    const { code, out, err } = await trainyard({}, 'image', 'build', '--json');
    expect(code, err).toBe(0);
    const image = JSON.parse(out) as { id: string; bytes: number; torch: string };
    expect(image.bytes).toBeLessThan(2e9);
    expect((await engine.image(image.id))?.id).toBe(image.id);
    console.log(`The image has ${(image.bytes / 1e9).toFixed(2)} GB, PyTorch ${image.torch}.`);
  });

  const story = {
    global_inputs: { max_samples: 60 },
    nodes: [
      { node_id: 'data', task_name: 'load_dataset', inputs: { dataset_path: 'builtin:squad-mini' } },
      {
        node_id: 'tune',
        task_name: 'finetune',
        inputs: { model_name: 'builtin:tiny-llama', max_steps: 20, seed: 7 },
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

  /** What does not hang on how busy the machine was. */
  const outcomes = ({ tasks }: PipelineStatus) =>
    tasks.map(({ node_id, state, outputs }) => {
      const text = JSON.stringify(outputs?.metrics ?? {}, (name, value) => (/second|speed/.test(name) ? null : value));
      return { node_id, state, metrics: JSON.parse(text) as object };
    });

  it('finetunes, quantizes and evaluates, each in a container of its own, to what it comes to without', async () => {
    const inDocker = await run(docker, story);
    const inVenv = await run({ TRAINYARD_ISOLATION: 'venv' }, story);
    expect(inDocker.state).toBe('succeeded');
    expect(outcomes(inDocker)).toEqual(outcomes(inVenv));
    // The same weights, to the last bit.
    expect(inDocker.tasks[1]?.outputs).toMatchObject({ model_id: inVenv.tasks[1]?.outputs?.model_id });
    expect(inDocker.tasks.map(({ runner }) => runner)).toEqual(['docker', 'docker', 'docker', 'docker']);
    expect(inVenv.tasks.map(({ runner }) => runner)).toEqual(['venv', 'venv', 'venv', 'venv']);
    const places = placesOf(inDocker.pipeline_id);
    expect(new Set(places.map(({ container }) => container)).size).toBe(4);
    for (const { environment } of places) {
      expect(environment).toEqual({ version: expect.any(String), image: expect.stringMatching(/^sha256:/) });
    }
    console.log('Metrics of both:', JSON.stringify(outcomes(inDocker).map(({ metrics }) => metrics)));
    const left = await engine.list('trainyard.task');
    expect(left.filter(({ labels }) => labels['trainyard.pipeline'] === inDocker.pipeline_id)).toEqual([]);
  });

  it('adds packages to the image as a layer, and says which cannot be had', async () => {
    const withPackage = (requirement: string) => ({
      nodes: [
        { node_id: 'env', task_name: 'create_env', inputs: { requirements: [requirement] } },
        {
          node_id: 'ptq',
          task_name: 'ptq',
          inputs: { model_name: 'builtin:tiny-llama' },
          input_mappings: { 'env.env_id': 'env_id' },
        },
      ],
    });
    const { state, pipeline_id } = await run(docker, withPackage('iniconfig==2.1.0'));
    expect(state).toBe('succeeded');
    const [place] = placesOf(pipeline_id);
    const layers = async (image = '') => (await engine.image(image))?.layers ?? expect.fail('no image');
    const plain = JSON.parse((await trainyard({}, 'image', 'build', '--json')).out) as { id: string };
    const below = await layers(plain.id);
    const made = await layers(place?.environment.image);
    expect(made.slice(0, below.length)).toEqual(below);
    expect(made).toHaveLength(below.length + 1);

    const impossible = await run(docker, withPackage('torch==1.0.0'));
    expect(impossible.tasks[0]).toMatchObject({ state: 'failed', error: { code: 'environment_failed' } });
  });

  it("fetches from a hub with the user's token, which is seen nowhere, and the next one finds it in the cache", async () => {
    const hub = spawn('python3', ['-c', hubProgram], {
      cwd: join(root, 'tasks', 'runtime', 'tests'),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    hubs.push(hub);
    const lines = hub.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false });
    const endpoint = String((await lines.next()).value).trim();
    // The hub is on loopback, which a container has for itself.
    const away = { ...docker, HF_ENDPOINT: endpoint, HF_TOKEN: 'hf_planted_secret', TRAINYARD_DOCKER_NETWORK: 'host' };
    const quantize = { nodes: [{ node_id: 'ptq', task_name: 'ptq', inputs: { model_name: 'someone/tiny' } }] };
    const first = await run(away, quantize);
    expect(first.state, JSON.stringify(first.tasks)).toBe('succeeded');
    expect(String((await lines.next()).value)).toContain('Bearer hf_planted_secret');
    expect(JSON.stringify(framesOf(first.pipeline_id))).not.toContain('hf_planted_secret');
    expect(existsSync(join(home.path, 'secrets')) && readdirSync(join(home.path, 'secrets'))).toEqual([]);
    hub.kill();
    // Without a hub: what was fetched is still there.
    expect((await run(away, quantize)).state).toBe('succeeded');
  });
});

/** Serves the built-in model as `someone/tiny`; prints its address, then each new token that it is shown. */
const hubProgram = `
import sys, threading, time
from pathlib import Path
from hub_server import HubServer
model = Path("../trainyard_runtime/builtin/tiny-llama").resolve()
server = HubServer({("models", "someone/tiny"): model}, gated=set())
print(server.endpoint, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = set()
while True:
    for token in list(server.tokens):
        if token and token not in seen:
            seen.add(token)
            print(token, flush=True)
    time.sleep(0.05)
`;
