import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../src/core/errors.ts';
import type { Frame } from '../../src/core/events.ts';
import type { DockerEngine } from '../../src/runners/docker.ts';
import { containerName } from '../../src/runners/docker-container.ts';
import {
  buildWorkerImage,
  createWorkerRunner,
  findDocker,
  rawInspect,
  removeContainers,
  seenByDocker,
} from '../fakes/docker.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop, type Workshop, type WorkshopOptions } from '../fakes/workshop.ts';

const engine = await findDocker();
const image = engine && (await buildWorkerImage(engine));
const installation = 'faults';
const patiently = { timeout: 20_000 };

describe.runIf(engine)('in Docker', () => {
  if (engine === undefined || image === undefined) return;
  const servers: ChildProcess[] = [];

  const open = (home: string, by: DockerEngine = engine, more: WorkshopOptions = {}) =>
    openWorkshop(home, { createRunner: (store) => createWorkerRunner(by, image, store, { installation }), ...more });
  const containers = () => engine.list(`trainyard.installation=${installation}`);
  const attemptsOf = (frames: Frame[]) =>
    frames.flatMap((frame) => (frame.type === 'task_started' ? [frame.attempt_id] : []));

  afterEach(async () => {
    for (const server of servers.splice(0)) server.kill('SIGKILL');
  });
  afterAll(() => removeContainers(engine, installation));

  function launch(home: string, nodes: object[], moment = 'never'): ChildProcess {
    const program = join(import.meta.dirname, '..', 'fakes', 'docker-server.ts');
    const server = spawn(process.execPath, [program, home, moment, installation], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    servers.push(server);
    server.stdin?.end(JSON.stringify(nodes));
    return server;
  }

  /** Resolves with an attempt's first word. */
  async function running(workshop: Workshop, inputs: object) {
    const pipelineId = workshop.submit([{ node_id: 'a', task_name: 'heavy', inputs }]);
    await workshop.frame(pipelineId, inputs && 'steps' in inputs ? 'task_progress' : 'task_message');
    const { attempt_id } = await workshop.frame(pipelineId, 'task_started');
    return { pipelineId, attemptId: attempt_id, name: containerName(attempt_id) };
  }

  it.each([
    ['between create and start', 'created', 2],
    ['just after the start', 'started', 1],
    ['between the end of the task and its being written down', 'ended', 1],
  ])('a server killed %s loses nothing and leaves nothing', async (_when, moment, attempts) => {
    await using home = await temporaryFolder();
    const nodes = [{ node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'counting', steps: 20 } }];
    const server = launch(home.path, nodes, moment);
    const [line] = await once(server.stdout ?? expect.fail(), 'data');
    const [, signal] = await once(server, 'exit');
    expect(signal).toBe('SIGKILL');

    const workshop = open(home.path);
    await workshop.executor.recover();
    const pipelineId = String(line).trim().split('\n')[0] ?? '';
    expect(await workshop.over(pipelineId)).toBe('succeeded');
    const frames = workshop.frames(pipelineId);
    expect(attemptsOf(frames)).toHaveLength(attempts);
    const steps = frames.flatMap((frame) => (frame.type === 'task_progress' ? [frame.step] : []));
    expect(steps).toEqual(Array.from({ length: 20 }, (_item, at) => at + 1));
    await expect.poll(containers, patiently).toEqual([]);
    await workshop.close();
  });

  it('a server killed while the task runs follows it again: no line missing or double, no second container', async () => {
    await using home = await temporaryFolder();
    const nodes = [{ node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'counting', steps: 200, step_ms: 10 } }];
    const server = launch(home.path, nodes);
    const [line] = await once(server.stdout ?? expect.fail(), 'data');
    const pipelineId = String(line).trim();
    await expect.poll(async () => (await containers()).filter((one) => one.isRunning).length, patiently).toBe(1);
    server.kill('SIGKILL');
    await once(server, 'exit');

    const workshop = open(home.path);
    await workshop.executor.recover();
    expect(await workshop.over(pipelineId)).toBe('succeeded');
    const frames = workshop.frames(pipelineId);
    const [attemptId = '', ...others] = attemptsOf(frames);
    expect(others).toEqual([]);
    const steps = frames.flatMap((frame) => (frame.type === 'task_progress' ? [frame.step] : []));
    expect(steps).toEqual(Array.from({ length: 200 }, (_item, at) => at + 1));
    const log = readFileSync(join(workshop.executor.attemptFolder(attemptId), 'log.txt'), 'utf8');
    expect(log).toBe(Array.from({ length: 200 }, (_item, at) => `line ${at + 1}\n`).join(''));
    await expect.poll(containers, patiently).toEqual([]);
    await workshop.close();
  });

  it('says so when a container is removed by hand, and tries again', async () => {
    await using home = await temporaryFolder();
    const workshop = open(home.path);
    const { pipelineId, name } = await running(workshop, { behaviour: 'hang' });
    await engine.remove(name);
    const failed = await workshop.frame(pipelineId, 'attempt_failed');
    expect(failed.error).toMatchObject({ kind: 'retryable', code: 'container_removed' });
    workshop.executor.cancel(pipelineId, 'test');
    expect(await workshop.over(pipelineId)).toBe('cancelled');
    await expect.poll(containers, patiently).toEqual([]);
    await workshop.close();
  });

  it('tells a task that took more than its memory from one that somebody killed', async () => {
    await using home = await temporaryFolder();
    const workshop = open(home.path);
    const { pipelineId } = await running(workshop, { behaviour: 'greedy_for_memory' });
    expect((await workshop.frame(pipelineId, 'task_failed')).error).toMatchObject({
      kind: 'terminal',
      code: 'out_of_memory',
      message: expect.stringMatching(/its \d+ MiB/),
      hint: expect.stringContaining('batch_size'),
    });
    const other = await running(workshop, { behaviour: 'hang' });
    await engine.kill(other.name, 'SIGKILL');
    expect((await workshop.frame(other.pipelineId, 'attempt_failed')).error).toMatchObject({
      kind: 'retryable',
      code: 'task_killed',
      message: expect.stringContaining('SIGKILL'),
    });
    workshop.executor.cancel(other.pipelineId, 'test');
    await workshop.over(other.pipelineId);
    await workshop.close();
  });

  const away = () => new RetryableError('docker_unavailable', 'The Docker daemon does not answer.');

  it('runs a task once whose start was answered too late to be heard', async () => {
    await using home = await temporaryFolder();
    let isLost = false;
    const deaf: DockerEngine = {
      ...engine,
      async start(name) {
        await engine.start(name);
        if (isLost) return;
        isLost = true;
        await engine.untilStopped(name, new AbortController().signal);
        throw away();
      },
    };
    const workshop = open(home.path, deaf);
    const pipelineId = workshop.submit([{ node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'counting' } }]);
    expect(await workshop.over(pipelineId)).toBe('succeeded');
    const steps = workshop.frames(pipelineId).flatMap((frame) => (frame.type === 'task_progress' ? [frame.step] : []));
    expect(steps).toEqual([1, 2, 3]);
    await workshop.close();
  });

  it('gives no room back while a container may run that could not be removed', async () => {
    await using home = await temporaryFolder();
    let isAway = false;
    let starts = 0;
    const unsteady = async <T>(answer: () => Promise<T>) => {
      if (isAway) throw away();
      return answer();
    };
    const engineAway: DockerEngine = {
      ...engine,
      async start(name) {
        await engine.start(name);
        if (starts > 0) return;
        starts += 1;
        isAway = true;
        throw away();
      },
      inspect: (name) => unsteady(() => engine.inspect(name)),
      remove: (name) => unsteady(() => engine.remove(name)),
    };
    const workshop = open(home.path, engineAway, { heavyTasks: 1 });
    const first = workshop.submit([{ node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'hang' } }]);
    await workshop.frame(first, 'task_message');
    workshop.executor.cancel(first, 'test');
    const next = workshop.submit([{ node_id: 'b', task_name: 'heavy', inputs: { behaviour: 'hang' } }]);
    const [{ name = '' } = {}] = await containers();
    expect((await engine.inspect(name))?.status).toBe('running');
    expect(workshop.frames(next).filter(({ type }) => type === 'task_started')).toEqual([]);
    isAway = false;
    expect(await workshop.over(first)).toBe('cancelled');
    expect(await engine.inspect(name)).toBeUndefined();
    await workshop.frame(next, 'task_started');
    workshop.executor.cancel(next, 'test');
    expect(await workshop.over(next)).toBe('cancelled');
    await workshop.close();
  });

  it('a fork bomb ends at its limit of processes, and nothing of it is left', async () => {
    await using home = await temporaryFolder();
    const workshop = open(home.path);
    const { pipelineId, attemptId } = await running(workshop, { behaviour: 'fork_bomb' });
    const { family } = seenByDocker(engine);
    await expect.poll(async () => (await family({ attemptId })).length, { timeout: 20_000 }).toBeGreaterThan(100);
    expect((await family({ attemptId })).length).toBeLessThanOrEqual(1024);
    workshop.executor.cancel(pipelineId, 'test');
    expect(await workshop.over(pipelineId)).toBe('cancelled');
    await expect.poll(containers, patiently).toEqual([]);
    await workshop.close();
  });

  it('a gigabyte of log costs the server no memory and the disk no gigabyte', async () => {
    await using home = await temporaryFolder();
    const server = launch(home.path, [{ node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'flood' } }]);
    const [pipelineId = '', ending = ''] = (await text(server.stdout ?? expect.fail())).trim().split('\n');
    const [state, grownMib] = ending.split(' ');
    expect(state).toBe('succeeded');
    console.log(`1 GB of log: the server grew by ${grownMib} MiB`);
    expect(Number(grownMib)).toBeLessThanOrEqual(32);
    const workshop = open(home.path);
    const [attemptId = ''] = attemptsOf(workshop.frames(pipelineId));
    const log = join(workshop.executor.attemptFolder(attemptId), 'log.txt');
    expect(statSync(log).size).toBeLessThan(2 ** 28);
    expect(/^… \d+ MiB of the log are left out here …$/m.test(readFileSync(log, 'utf8'))).toBe(true);
    await workshop.close();
  });

  const ownDaemon = process.env.TRAINYARD_TEST_DAEMON;
  const daemon = (order: string) =>
    execFileSync(join(import.meta.dirname, '..', '..', 'scripts', 'test-daemon.sh'), [order, ownDaemon ?? '']);

  it.runIf(ownDaemon)('a daemon killed and started again loses no line of a task, and no task', async () => {
    await using home = await temporaryFolder();
    const workshop = open(home.path);
    const { pipelineId, attemptId, name } = await running(workshop, { behaviour: 'counting', steps: 1000, step_ms: 5 });
    const { Id } = await rawInspect(name);
    daemon('kill');
    expect(await workshop.frame(pipelineId, 'task_message')).toMatchObject({
      level: 'warning',
      text: expect.stringContaining('daemon does not answer'),
    });
    // What is submitted meanwhile waits for the daemon.
    const later = workshop.submit([{ node_id: 'b', task_name: 'heavy', inputs: {} }]);
    expect(await workshop.frame(later, 'task_message')).toMatchObject({
      text: expect.stringContaining('waits for it'),
    });
    daemon('start');
    expect((await rawInspect(name)).Id).toBe(Id);
    expect(await workshop.over(pipelineId)).toBe('succeeded');
    expect(await workshop.over(later)).toBe('succeeded');
    expect(attemptsOf([...workshop.frames(pipelineId), ...workshop.frames(later)])).toHaveLength(2);
    const log = readFileSync(join(workshop.executor.attemptFolder(attemptId), 'log.txt'), 'utf8');
    expect(log).toBe(Array.from({ length: 1000 }, (_item, at) => `line ${at + 1}\n`).join(''));
    await expect.poll(containers, patiently).toEqual([]);
    await workshop.close();
  });
});
