import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ArtifactStore, Resource } from '../../src/core/resource.ts';
import type { Attempt, AttemptReport, Runner } from '../../src/core/runner.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { heavy } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

class Stopped extends Error {}

/** What every runner of isolated tasks must do. `createRunner` is to run `test/fakes/worker.js`. */
export function runnerContract(createRunner: (store: ArtifactStore) => Runner): void {
  async function setUp(inputs: Record<string, unknown>, graceMs = 5000) {
    const home = await temporaryFolder();
    const store = createArtifactStore(join(home.path, 'artifacts'));
    const attempt: Attempt = {
      attemptId: 'att_1',
      taskId: 'task_1',
      task: heavy,
      inputs,
      resources: {},
      folder: join(home.path, 'attempts', 'att_1'),
      limits: { cpuThreads: 1, memoryMib: 100, gpus: [], timeoutMs: 60_000, graceMs },
    };
    const reports: AttemptReport[] = [];
    const stop = new AbortController();
    const detach = new AbortController();
    let onFirst = () => {};
    const firstReport = new Promise<void>((resolve) => {
      onFirst = resolve;
    });
    const options = {
      fromOffset: 0,
      onReport: (report: AttemptReport) => {
        reports.push(report);
        onFirst();
      },
      signal: stop.signal,
      detach: detach.signal,
    };
    const runner = createRunner(store);
    const start = async () => (await runner.start(attempt, options)).follow(options);
    return { home, store, attempt, reports, stop, detach, firstReport, options, runner, start };
  }

  const pidOf = (attempt: Attempt) => Number(readFileSync(join(attempt.folder, 'pid'), 'utf8'));
  const steps = (reports: AttemptReport[]) =>
    reports.flatMap((report) => (report.type === 'task_progress' ? [report.step] : []));

  it('reports progress in order and returns the result', async () => {
    const { home, start, reports, store } = await setUp({ steps: 5 });
    await using _ = home;
    const result = await start();
    expect(steps(reports)).toEqual([1, 2, 3, 4, 5]);
    expect(result.outputs).toEqual({ metrics: { steps: 5 } });
    const kept: Resource = await store.keep(result.resources.model_id ?? expect.fail('no model'));
    expect(kept.artifacts.map((artifact) => artifact.path)).toEqual(['weights.bin']);
  });

  it("throws the task's own error", async () => {
    const { home, start } = await setUp({ behaviour: 'fail' });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({ name: 'UserError', code: 'bad_row', hint: 'Mend it.' });
  });

  it('says with the end of the log that a task crashed', async () => {
    const { home, start } = await setUp({ behaviour: 'crash' });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({
      code: 'task_crashed',
      message: expect.stringContaining('Segmentation fault'),
    });
  });

  it('holds a killed task for worth a retry', async () => {
    const { home, start, attempt, firstReport } = await setUp({ behaviour: 'hang' });
    await using _ = home;
    const end = start();
    await firstReport;
    process.kill(pidOf(attempt), 'SIGKILL');
    await expect(end).rejects.toMatchObject({ name: 'RetryableError', code: 'task_killed' });
  });

  it('stops a task, and kills one that ignores SIGTERM after its grace period', async () => {
    for (const behaviour of ['hang', 'stubborn']) {
      const { home, start, stop, attempt, firstReport } = await setUp({ behaviour }, 300);
      await using _ = home;
      const end = start();
      await firstReport;
      stop.abort(new Stopped());
      await expect(end).rejects.toBeInstanceOf(Stopped);
      await expect.poll(() => isAlive(pidOf(attempt))).toBe(false);
    }
  });

  it('lets a task go on after detaching and finds it again, missing and doubling nothing', async () => {
    const { home, start, detach, attempt, reports, firstReport, options, runner } = await setUp({
      steps: 30,
      step_ms: 20,
    });
    await using _ = home;
    const end = start();
    await firstReport;
    detach.abort(new Stopped());
    await expect(end).rejects.toBeInstanceOf(Stopped);
    const found = await runner.find(attempt);
    const fromOffset = reports.at(-1)?.offset ?? 0;
    await found?.follow({ ...options, fromOffset, detach: new AbortController().signal });
    expect(steps(reports)).toEqual(Array.from({ length: 30 }, (_item, index) => index + 1));
  });

  it('does not find what is lost, and what is lost never comes to life', async () => {
    const { home, attempt, runner } = await setUp({});
    await using _ = home;
    expect(await runner.find(attempt)).toBeUndefined();
    expect(existsSync(join(attempt.folder, 'pid'))).toBe(false);
  });

  it('survives megabytes of output and lines that cannot be read', async () => {
    const { home, start, reports } = await setUp({ behaviour: 'noisy' });
    await using _ = home;
    await start();
    expect(steps(reports)).toEqual([1, 2, 3]);
    expect(
      reports.filter((report) => report.type === 'task_message' && report.level === 'warning').length,
    ).toBeGreaterThan(1);
  });

  it.each(['malformed', 'escape'])('refuses a result that is %s', async (behaviour) => {
    const { home, start } = await setUp({ behaviour });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({ name: 'TerminalError', code: 'result_malformed' });
  });

  it('gives the task nothing of the environment of the server', async () => {
    const { home, start, attempt, firstReport, stop } = await setUp({ behaviour: 'hang' });
    await using _ = home;
    process.env.TRAINYARD_SECRET_FOR_TEST = 'secret';
    const end = start();
    await firstReport;
    const environment = readFileSync(`/proc/${pidOf(attempt)}/environ`, 'utf8');
    stop.abort(new Stopped());
    await expect(end).rejects.toBeInstanceOf(Stopped);
    delete process.env.TRAINYARD_SECRET_FOR_TEST;
    expect(environment).not.toContain('secret');
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie whose parent has not looked yet is dead all the same.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
