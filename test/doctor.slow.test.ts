import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createNetServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { examine } from '../src/doctor/examine.ts';
import { type Finding, findAll } from '../src/doctor/finding.ts';
import { checkImage } from '../src/doctor/image.ts';
import { diskFinding } from '../src/doctor/place.ts';
import { startApp } from '../src/main.ts';
import type { DockerEngine } from '../src/runners/docker.ts';
import type { Images, RuntimeImage } from '../src/runners/docker-image.ts';
import { supportedPython } from '../src/runners/python-environment.ts';

let root: string;
/** The only folder on the PATH. */
let programs: string;
let home: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'doctor-'));
  programs = join(root, 'bin');
  home = join(root, 'home');
  await Promise.all([mkdir(programs), mkdir(home)]);
  await addPython('python3', '3.12.4', ['ensurepip', 'pip']);
  vi.stubEnv('PATH', programs);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

/** Nothing is reached unless a test says so. */
const usual = () => ({
  PATH: programs,
  TRAINYARD_HOME: home,
  TRAINYARD_PORT: '0',
  HF_ENDPOINT: 'http://127.0.0.1:9',
  DOCKER_HOST: `unix://${join(root, 'no.sock')}`,
});

async function examineWith(environment: Record<string, string>): Promise<(check: string) => Finding | undefined> {
  const findings = await examine(parseConfig({ ...usual(), ...environment }));
  return (name) => findings.find(({ check }) => check === name);
}

async function look(check: string, environment: Record<string, string> = {}): Promise<Finding | undefined> {
  return (await examineWith(environment))(check);
}

/** Puts a program on the PATH until the test is over. */
async function addProgram(name: string, script: string): Promise<void> {
  const file = join(programs, name);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

function addPython(name: string, version: string, modules: string[]): Promise<void> {
  return addProgram(name, `echo '${JSON.stringify({ version, modules })}'`);
}

async function withProgram(name: string, script: string): Promise<void> {
  await addProgram(name, script);
  onTestFinished(() => rm(join(programs, name)));
}

type Answers = (path: string, method: string | undefined) => { status: number; body?: unknown } | undefined;

/** A server that answers like this, and to undefined never, until the test is over. */
async function serve(answers: Answers, where: { path: string } | { port: 0 } = { port: 0 }): Promise<string> {
  const server = createServer(({ url = '', method }, response) => {
    const answer = answers(url, method);
    if (answer === undefined) return;
    const location = answer.status === 302 ? { location: '/elsewhere' } : {};
    response.writeHead(answer.status, { 'content-type': 'application/json', ...location });
    response.end(JSON.stringify(answer.body ?? {}));
  });
  await listening(server, where);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === 'string' || address === null ? `unix://${address}` : `http://127.0.0.1:${address.port}`;
}

function listening(server: Server, where: { path: string } | { port: 0 }): Promise<void> {
  return new Promise((resolve) => server.listen({ host: '127.0.0.1', ...where }, () => resolve()));
}

describe('the doctor', () => {
  it('says of a check that fails or hangs what happened, and the others are as they are', async () => {
    const found = await findAll(
      [
        { name: 'thrown', look: () => Promise.reject(new Error('it broke')) },
        { name: 'hanging', look: () => new Promise(() => {}) },
        { name: 'well', look: async () => ({ check: 'well', state: 'fine', found: 'good' }) },
      ],
      50,
    );
    expect(found.map(({ check, state }) => [check, state])).toEqual([
      ['thrown', 'failing'],
      ['hanging', 'failing'],
      ['well', 'fine'],
    ]);
    expect(found[0]?.found).toBe('it broke');
  });

  it('ends in time where a daemon, a hub and a model server never answer', async () => {
    const hanging = await serve(() => undefined);
    const daemon = await serve(() => undefined, { path: join(root, 'hanging.sock') });
    const started = performance.now();
    const found = await examineWith({
      TRAINYARD_ISOLATION: 'docker',
      DOCKER_HOST: daemon,
      HF_ENDPOINT: hanging,
      OPENAI_BASE_URL: hanging,
    });
    expect(performance.now() - started).toBeLessThan(12_000);
    expect(found('Docker')).toMatchObject({ state: 'failing', advice: expect.stringContaining('without an answer') });
    expect(found('hub')).toMatchObject({ state: 'warning', found: expect.stringContaining('nothing within 3 s') });
    expect(found('model')).toMatchObject({ state: 'warning', found: expect.stringContaining('nothing within 3 s') });
  });
});

describe('of the home', () => {
  it('says that it can be written, and leaves nothing there', async () => {
    expect(await look('home')).toEqual({ check: 'home', state: 'fine', found: `${home}; no server runs on it.` });
    expect(await readdir(home)).toEqual([]);
  });

  it('says that the first start makes it, and does not make it', async () => {
    const path = join(root, 'not', 'yet');
    expect(await look('home', { TRAINYARD_HOME: path })).toMatchObject({
      state: 'fine',
      found: expect.stringContaining('the first start makes it'),
    });
    expect(existsSync(path)).toBe(false);
  });

  it.each(['a file', 'a path below a file', 'a folder of the system'])('refuses %s', async (kind) => {
    const file = join(root, 'file');
    await writeFile(file, '');
    const path = { 'a file': file, 'a path below a file': join(file, 'home') }[kind] ?? '/proc/home';
    expect(await look('home', { TRAINYARD_HOME: path })).toMatchObject({
      state: 'failing',
      advice: expect.stringContaining('TRAINYARD_HOME'),
    });
  });

  it.skipIf(process.getuid?.() === 0)('refuses a folder that is not for this user to write', async () => {
    const path = join(root, 'read-only');
    await mkdir(path, { mode: 0o555 });
    expect(await look('home', { TRAINYARD_HOME: path })).toMatchObject({ state: 'failing' });
  });

  it.each([
    [60_000, 'fine'],
    [5000, 'warning'],
    [500, 'failing'],
  ])('takes %i MiB of disk as %s', (mib, state) => {
    expect(diskFinding('/home', mib).state).toBe(state);
  });
});

describe('of the port', () => {
  it('finds the one of the server that runs on the home, and says where', async () => {
    const path = join(root, 'served');
    const app = await startApp(parseConfig({ ...usual(), TRAINYARD_HOME: path }));
    onTestFinished(() => app.close());
    const found = await examineWith({ TRAINYARD_HOME: path, TRAINYARD_PORT: new URL(app.url).port });
    expect(found('home')).toMatchObject({ state: 'fine', found: expect.stringContaining(app.url) });
    expect(found('port')).toMatchObject({ state: 'fine', found: expect.stringContaining('server of this home') });
    expect(await (await fetch(`${app.url}/healthz`)).json()).toMatchObject({ status: 'ok' });
  });

  it('and the home are said to be of a server that does not answer', async () => {
    const path = join(root, 'silent');
    const url = await serve(() => undefined);
    await mkdir(path);
    await writeFile(join(path, 'server.json'), JSON.stringify({ pid: process.pid, url }));
    const found = await examineWith({ TRAINYARD_HOME: path, TRAINYARD_PORT: new URL(url).port });
    expect(found('home')).toMatchObject({ state: 'warning', found: expect.stringContaining(`process ${process.pid}`) });
    expect(found('port')).toMatchObject({ state: 'failing', found: expect.stringContaining('does not answer') });
  });

  it('is refused where another program has it, and free when that has ended', async () => {
    const other = createNetServer();
    await listening(other, { port: 0 });
    const { port } = other.address() as { port: number };
    const wish = { TRAINYARD_PORT: String(port) };
    expect(await look('port', wish)).toMatchObject({
      state: 'failing',
      advice: expect.stringContaining('TRAINYARD_PORT'),
    });
    await new Promise((resolve) => other.close(resolve));
    expect(await look('port', wish)).toMatchObject({ state: 'fine', found: `${port} is free.` });
  });
});

describe('of the machine', () => {
  it('says what each task gets, and warns of more tasks than cores', async () => {
    expect(await look('machine', { TRAINYARD_MAX_TASKS: '1' })).toMatchObject({
      found: expect.stringContaining('one heavy task at a time'),
    });
    expect(await look('machine', { TRAINYARD_MAX_TASKS: '1024' })).toMatchObject({ state: 'warning' });
  });

  it('finds its GPUs with their driver, and those that are chosen', async () => {
    await withProgram('nvidia-smi', 'echo "0, GPU-a, 81559, 580.65.06"; echo "1, GPU-b, 81559, 580.65.06"');
    expect(await look('GPU')).toMatchObject({
      state: 'fine',
      found: 'driver 580.65.06 lists 0 (86 GB), 1 (86 GB); tasks use 0, 1.',
    });
    expect(await look('GPU', { TRAINYARD_GPUS: '1' })).toMatchObject({
      found: expect.stringContaining('tasks use 1.'),
    });
    expect(await look('GPU', { TRAINYARD_GPUS: 'none' })).toMatchObject({ state: 'fine' });
    expect(await look('GPU', { TRAINYARD_GPUS: '7' })).toMatchObject({
      state: 'failing',
      found: expect.stringContaining('names 7'),
      advice: expect.stringContaining('7=24576'),
    });
  });

  it('warns of a driver that lists no GPU', async () => {
    await withProgram('nvidia-smi', 'echo "NVIDIA-SMI has failed" >&2; exit 9');
    expect(await look('GPU')).toMatchObject({ state: 'warning', advice: expect.stringContaining('nvidia-smi') });
  });

  it('takes a GPU that has no memory of its own for one that shares the machine’s', async () => {
    await withProgram('nvidia-smi', 'echo "0, GPU-a, [N/A], 580.65.06"');
    expect(await look('GPU')).toMatchObject({ state: 'fine', found: expect.stringContaining('tasks use 0') });
  });

  it('refuses one GPU under two names', async () => {
    await withProgram('nvidia-smi', 'echo "0, GPU-a, 24576, 580.65.06"');
    expect(await look('GPU', { TRAINYARD_GPUS: '0,GPU-a' })).toMatchObject({
      state: 'failing',
      found: expect.stringContaining('twice'),
    });
  });
});

describe('of Docker', () => {
  const chosen = { TRAINYARD_ISOLATION: 'docker' };

  it('says that there is no socket, and that nobody listens at one', async () => {
    expect(await look('Docker', chosen)).toMatchObject({
      state: 'failing',
      advice: expect.stringContaining('There is no such socket. Start it'),
    });
    const path = join(root, 'dead.sock');
    const server = createNetServer();
    await listening(server, { path: join(root, 'moved.sock') });
    await rename(join(root, 'moved.sock'), path);
    await new Promise((resolve) => server.close(resolve));
    expect(await look('Docker', { ...chosen, DOCKER_HOST: `unix://${path}` })).toMatchObject({
      state: 'failing',
      advice: expect.stringContaining('Nobody listens there.'),
    });
    expect(await look('Docker', { ...chosen, DOCKER_HOST: 'tcp://10.0.0.1:2375' })).toMatchObject({ state: 'failing' });
  });

  it('is fine without it where tasks run elsewhere, unless some ran in it before', async () => {
    expect(await look('Docker')).toMatchObject({ state: 'fine', found: expect.stringContaining('not used') });
    const path = join(root, 'once-docker');
    await mkdir(path);
    await writeFile(join(path, 'installation'), 'abc\n');
    expect(await look('Docker', { TRAINYARD_HOME: path })).toMatchObject({ state: 'warning' });
  });

  /** A daemon that says this of itself. */
  function daemon(info: object): Promise<string> {
    const answer = { ServerVersion: '27.1', LiveRestoreEnabled: true, Runtimes: { runc: {} }, ...info };
    const path = join(root, `daemon-${performance.now()}.sock`);
    return serve((url) => (url === '/info' ? { status: 200, body: answer } : { status: 404 }), { path });
  }

  it('says what a daemon lacks', async () => {
    const found = await examineWith({
      ...chosen,
      DOCKER_HOST: await daemon({ LiveRestoreEnabled: false, InitCommit: { ID: 'N/A' } }),
    });
    expect(found('Docker')).toMatchObject({ state: 'fine', found: expect.stringContaining('27.1') });
    expect(found('live-restore')).toMatchObject({ state: 'warning' });
    expect(found('docker-init')).toMatchObject({ state: 'warning', advice: expect.stringContaining('tini') });
    expect(found('image')).toMatchObject({
      state: 'failing',
      found: 'There is no image for tasks yet.',
      advice: expect.stringContaining('trainyard image build'),
    });
    expect(found('GPUs in Docker')).toBeUndefined();
    expect(found('Python')).toBeUndefined();
  });

  it('refuses a daemon that maps users', async () => {
    const host = await daemon({ SecurityOptions: ['name=seccomp', 'name=rootless'] });
    expect(await look('Docker', { ...chosen, DOCKER_HOST: host })).toMatchObject({
      state: 'failing',
      advice: expect.stringContaining('TRAINYARD_ISOLATION=venv'),
    });
  });

  it('wants the toolkit of NVIDIA where tasks get a GPU', async () => {
    const with0 = { ...chosen, TRAINYARD_GPUS: '0=24576' };
    const without = await examineWith({ ...with0, DOCKER_HOST: await daemon({}) });
    expect(without('GPUs in Docker')).toMatchObject({
      state: 'failing',
      advice: expect.stringContaining('nvidia-ctk runtime configure'),
    });
    const registered = await examineWith({ ...with0, DOCKER_HOST: await daemon({ Runtimes: { nvidia: {} } }) });
    expect(registered('GPUs in Docker')).toMatchObject({ state: 'fine' });
    await withProgram('nvidia-container-runtime-hook', '');
    const installed = await examineWith({ ...with0, DOCKER_HOST: await daemon({}) });
    expect(installed('GPUs in Docker')).toMatchObject({ state: 'fine' });
  });
});

describe('of the image for tasks', () => {
  const id = `sha256:${'a'.repeat(64)}`;
  const gpu = (driver: string) => ({ id: '0', uuid: 'GPU-a', memoryMib: 24_576, driver });

  function lookAtImage(cuda: RuntimeImage['cuda'], driver?: string): Promise<Finding> {
    const image = { id, reference: 'trainyard-runtime:a', python: '3.12.4', torch: '2.13.0', bytes: 1e9, cuda };
    const engine = { image: async (name: string) => (name === id ? { id } : undefined) } as DockerEngine;
    const images = { usable: () => image } as Images;
    const listed = driver === undefined ? [] : [gpu(driver)];
    const machine = { cpus: 1, memoryMib: 1, gpus: listed.map((one) => one.id), gpuMemoryMib: 1 };
    return checkImage(engine, images, { machine, listed });
  }

  it.each([
    ['none', undefined, 'fine'],
    ['13.0', undefined, 'fine'],
    ['13.0', '580.65.06', 'fine'],
    ['12.6', '580.65.06', 'fine'],
    ['12.6', '535.10', 'fine'],
    ['13.0', '535.10', 'failing'],
    ['none', '580.65.06', 'failing'],
  ] as const)('takes CUDA %s with the driver %s as %s', async (cuda, driver, state) => {
    expect(await lookAtImage(cuda, driver)).toMatchObject({ state });
  });

  it('refuses a driver that is too old for any', async () => {
    await expect(lookAtImage('12.6', '470.1')).rejects.toThrow('470.1');
  });
});

describe('of Python', () => {
  it('says that the first run makes the environment', async () => {
    expect(await look('Python')).toMatchObject({
      state: 'fine',
      found: expect.stringContaining('3.12.4 (python3); the first run makes'),
    });
  });

  it('takes a newer one beside one that is too old, which pip can be of', async () => {
    onTestFinished(() => addPython('python3', '3.12.4', ['ensurepip', 'pip']));
    await addPython('python3', '3.9.2', ['pip']);
    expect(await look('Python')).toMatchObject({
      state: 'failing',
      found: `3.9.2 is found, and ${supportedPython} is needed.`,
      advice: expect.stringContaining('apt-get install python3'),
    });
    await withProgram('python3.13', `echo '${JSON.stringify({ version: '3.13.1', modules: [] })}'`);
    expect(await look('Python')).toMatchObject({ state: 'fine', found: expect.stringContaining('3.13.1') });
    await addPython('python3', '3.9.2', []);
    expect(await look('Python')).toMatchObject({
      state: 'failing',
      found: expect.stringContaining('neither venv nor'),
    });
    await withProgram('uv', '');
    expect(await look('Python')).toMatchObject({ state: 'fine' });
  });

  it('wants the libraries of tasks there where they run in the Python of the machine', async () => {
    expect(await look('Python', { TRAINYARD_ISOLATION: 'process' })).toMatchObject({
      state: 'failing',
      found: expect.stringContaining('lacks torch, transformers'),
    });
    onTestFinished(() => addPython('python3', '3.12.4', ['ensurepip', 'pip']));
    await addPython('python3', '3.12.4', ['torch', 'transformers', 'peft', 'datasets', 'accelerate', 'torchao']);
    expect(await look('Python', { TRAINYARD_ISOLATION: 'process' })).toMatchObject({ state: 'fine' });
  });
});

describe('of servers elsewhere', () => {
  it.each([
    [200, 'fine'],
    [401, 'fine'],
    [503, 'warning'],
  ])('takes a hub that answers %i as %s', async (status, state) => {
    const methods: unknown[] = [];
    const hub = await serve((_, method) => {
      methods.push(method);
      return { status };
    });
    expect(await look('hub', { HF_ENDPOINT: hub })).toMatchObject({ state });
    expect(methods).toEqual(['HEAD']);
  });

  it('asks for a hub where tasks ask for it: at their proxy', async () => {
    const asked: string[] = [];
    const proxy = await serve((address) => {
      asked.push(address);
      return { status: 200 };
    });
    expect(await look('hub', { HF_ENDPOINT: 'http://hub.invalid', HTTP_PROXY: proxy })).toMatchObject({
      state: 'fine',
    });
    expect(asked).toEqual(['http://hub.invalid/']);
  });

  it('says that a hub is not reached, and that what is built in needs none', async () => {
    for (const address of ['http://127.0.0.1:9', 'huggingface.co', 'hub:80'])
      expect(await look('hub', { HF_ENDPOINT: address })).toMatchObject({
        state: 'warning',
        advice: expect.stringContaining('local files work without it'),
      });
  });

  it('finds a model at its server, or says what there is instead', async () => {
    const base = await serve((url) =>
      url === '/v1/models'
        ? { status: 200, body: { data: [{ id: 'qwen' }, { id: '\u001b[31mred' }] } }
        : { status: 404 },
    );
    const at = (path: string, model: string) => ({ OPENAI_BASE_URL: `${base}${path}`, TRAINYARD_MODEL: model });
    expect(await look('model', at('/v1/', 'qwen'))).toMatchObject({ state: 'fine' });
    expect(await look('model', at('/v1', 'gpt'))).toMatchObject({
      state: 'warning',
      found: expect.stringContaining('it has qwen, red.'),
    });
    expect(await look('model', at('', 'qwen'))).toMatchObject({
      state: 'warning',
      advice: expect.stringContaining('/v1'),
    });
  });

  it.each([401, 302, undefined])('never shows the key, whatever the server does (%s)', async (status) => {
    const base = await serve((path) => {
      if (path === '/elsewhere') return { status: 200 };
      return status === undefined ? undefined : { status };
    });
    const shown = /hidden|word/;
    for (const [OPENAI_API_KEY, OPENAI_BASE_URL] of [
      ['sk-hidden', base],
      ['sk-hidden\nline', base],
      ['sk-hidden-ключ', base],
      ['sk-hidden', base.replace('//', '//user:word@')],
    ] as const) {
      const finding = await look('model', { OPENAI_API_KEY, OPENAI_BASE_URL });
      expect(finding).toMatchObject({ state: 'warning', advice: expect.stringContaining('offline engine') });
      expect(JSON.stringify(finding)).not.toMatch(shown);
    }
  });

  it('says which engine answers without one, and whether there is a token, never which', async () => {
    const found = await examineWith({ HF_TOKEN: 'hf_hidden' });
    expect(found('model')).toMatchObject({ state: 'fine', found: expect.stringContaining('offline engine') });
    expect(found('HF_TOKEN')).toEqual({ check: 'HF_TOKEN', state: 'fine', found: expect.stringMatching(/^Set/) });
    expect(await look('HF_TOKEN')).toMatchObject({ state: 'fine', found: expect.stringMatching(/^Not set/) });
  });
});

describe('trainyard doctor', () => {
  const run = (environment: Record<string, string>, ...flags: string[]) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      const args = [join(import.meta.dirname, '..', 'src', 'cli.ts'), 'doctor', ...flags];
      const env = { ...usual(), ...environment };
      execFile(process.execPath, args, { env, cwd: root }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });

  it('ends with 0 where nothing that is needed fails', async () => {
    const { code, stdout } = await run({});
    expect(stdout).toMatch(/^✓ Node .*\n[\s\S]*! hub .*\n +Check [\s\S]*Everything that Trainyard needs is here\.\n$/);
    expect(code).toBe(0);
  });

  it('ends with 1 and prints JSON alone', async () => {
    const { code, stdout, stderr } = await run({ TRAINYARD_ISOLATION: 'docker' }, '--json');
    const findings = JSON.parse(stdout) as Finding[];
    expect(findings.filter(({ state }) => state === 'failing').map(({ check }) => check)).toEqual(['Docker']);
    expect(stderr).toBe('');
    expect(code).toBe(1);
  });

  it('names a wrong variable as every command does', async () => {
    const { code, stderr } = await run({ TRAINYARD_PORT: 'x' });
    expect(stderr).toContain('TRAINYARD_PORT');
    expect(code).toBe(2);
  });
});
