import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqliteJournal } from '../../src/executor/journal/sqlite-journal.ts';
import { buildWorkerImage, createWorkerRunner, findDocker, removeContainers } from '../fakes/docker.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop } from '../fakes/workshop.ts';

const engine = await findDocker();
const image = engine && (await buildWorkerImage(engine));
const installation = 'many';

describe.runIf(engine)('many containers', () => {
  if (engine === undefined || image === undefined) return;
  const servers: ChildProcess[] = [];
  afterAll(async () => {
    for (const server of servers) server.kill('SIGKILL');
    await removeContainers(engine, installation);
  });

  const containers = () => engine.list(`trainyard.installation=${installation}`);

  function launch(home: string, nodes?: object[]): ChildProcess {
    const program = join(import.meta.dirname, '..', 'fakes', 'docker-server.ts');
    const server = spawn(process.execPath, [program, home, 'never', installation], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    servers.push(server);
    server.stdin?.end(JSON.stringify(nodes ?? null));
    return server;
  }

  it('a hundred through a limit of two, the server killed ten times on the way: a hundred results, no container left', async () => {
    await using home = await temporaryFolder();
    const nodes = Array.from({ length: 100 }, (_item, at) => ({
      node_id: `n${at}`,
      task_name: 'heavy',
      inputs: { behaviour: 'counting', steps: 1, value: at },
    }));
    const first = launch(home.path, nodes);
    const [line] = await once(first.stdout ?? expect.fail(), 'data');
    const pipelineId = String(line).trim();
    const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
    const frames = () => journal.read({ after: 0, limit: 100_000, pipelineId });
    const succeeded = () => frames().filter(({ type }) => type === 'task_succeeded').length;
    let mostAtOnce = 0;

    let server = first;
    for (let kills = 1; kills <= 10; kills += 1) {
      await expect.poll(succeeded, { timeout: 60_000, interval: 20 }).toBeGreaterThanOrEqual(kills * 8);
      server.kill('SIGKILL');
      await once(server, 'exit');
      mostAtOnce = Math.max(mostAtOnce, (await containers()).filter(({ isRunning }) => isRunning).length);
      if (kills < 10) server = launch(home.path);
    }
    journal.close();

    const workshop = openWorkshop(home.path, {
      createRunner: (store) => createWorkerRunner(engine, image, store, { installation }),
    });
    await workshop.executor.recover();
    expect(await workshop.over(pipelineId)).toBe('succeeded');
    const results = workshop.frames(pipelineId).filter(({ type }) => type === 'task_succeeded');
    expect(results).toHaveLength(100);
    expect(mostAtOnce).toBeLessThanOrEqual(2);
    await expect.poll(containers, { timeout: 20_000 }).toEqual([]);
    await workshop.close();
  });

  /** With NVIDIA's hook, or one in its place, Docker tells a container which devices it has. */
  const canGiveGpus = process.env.TRAINYARD_TEST_DAEMON !== undefined;

  it.runIf(canGiveGpus)('on two GPUs never share one, and none waits for ever', async () => {
    await using home = await temporaryFolder();
    const nodes = Array.from({ length: 16 }, (_item, at) => ({
      node_id: `n${at}`,
      task_name: 'on_gpu',
      inputs: { behaviour: 'hold_gpu', step_ms: 200, value: at },
    }));
    const open = () =>
      openWorkshop(home.path, {
        heavyTasks: 4,
        gpus: ['0', '1'],
        createRunner: (store) => createWorkerRunner(engine, image, store, { installation }),
      });
    const before = open();
    const pipelineId = before.submit(nodes);
    await before.frame(pipelineId, 'task_succeeded');
    await before.close();
    // Who comes next knows which devices are held.
    const workshop = open();
    await workshop.executor.recover();
    expect(await workshop.over(pipelineId)).toBe('succeeded');
    // When each had which device, by the task's own word.
    const held = workshop.frames(pipelineId).flatMap((frame) => {
      if (frame.type !== 'task_succeeded') return [];
      const { gpu, from, until } = frame.outputs.metrics as { gpu: string; from: number; until: number };
      return [{ gpu, from, until }];
    });
    expect(held).toHaveLength(16);
    for (const gpu of ['0', '1']) {
      const times = held.filter((one) => one.gpu === gpu).toSorted((a, b) => a.from - b.from);
      expect(times.length).toBeGreaterThan(3);
      for (const [at, { from }] of times.entries()) if (at > 0) expect(from).toBeGreaterThan(times[at - 1]?.until ?? 0);
    }
    await workshop.close();
  });
});
