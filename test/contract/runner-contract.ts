import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { ArtifactStore, Resource } from '../../src/core/resource.ts';
import type { Attempt, AttemptReport, Runner } from '../../src/core/runner.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { heavy } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

class Stopped extends Error {}

/** A kind of runner, and how its work is seen from outside. */
export interface RunnerUnderTest {
  /** Is to run `test/fakes/worker.js`. */
  createRunner(store: ArtifactStore): Runner;
  /** The process of this machine that leads an attempt's work; undefined where none does. */
  leader(attempt: Attempt): Promise<number | undefined>;
  /** The processes of this machine that work for an attempt which has a family. */
  family(attempt: Attempt): Promise<number[]>;
}

/** What every runner of isolated tasks must do. */
export function runnerContract({ createRunner, leader, family }: RunnerUnderTest): void {
  async function setUp(inputs: Record<string, unknown>, graceMs = 5000) {
    const home = await temporaryFolder();
    const store = createArtifactStore(join(home.path, 'artifacts'));
    const attemptId = `att_${randomUUID()}`;
    const attempt: Attempt = {
      attemptId,
      taskId: 'task_1',
      pipelineId: 'pl_1',
      nodeId: 'heavy',
      task: heavy,
      inputs,
      resources: {},
      folder: join(home.path, 'attempts', attemptId),
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
        // The runner's own word, before the task has said any.
        if (report.type === 'task_placed') return;
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

  const leaderOf = async (attempt: Attempt) => (await leader(attempt)) ?? expect.fail('nothing works for it');
  const kill = async (attempt: Attempt) => process.kill(await leaderOf(attempt), 'SIGKILL');
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

  it('gives a task uploaded content where its input names it', async () => {
    const { home, start, attempt, store } = await setUp({ behaviour: 'reads' });
    await using _ = home;
    const folder = join(home.path, 'uploaded');
    mkdirSync(folder);
    writeFileSync(join(folder, 'train.jsonl'), 'a row');
    const upload = await store.keep({ kind: 'upload', path: folder, metadata: {} });
    attempt.inputs.path = upload.resource_id;
    attempt.resources[upload.resource_id] = upload;
    expect((await start()).outputs).toMatchObject({ metrics: { text: 'a row' } });
  });

  it("throws the task's own error", async () => {
    const { home, start } = await setUp({ behaviour: 'fail' });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({ name: 'UserError', code: 'bad_row', hint: 'Mend it.' });
  });

  it('lets no task say that it was lost: it would be started for ever', async () => {
    const error = { kind: 'retryable', code: 'task_lost', message: 'Lost.' };
    const result = JSON.stringify({ version: 1, status: 'failed', error });
    const { home, start } = await setUp({ behaviour: 'returns', result });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({ name: 'RetryableError', code: 'task_failed' });
  });

  it('hands on two thousand messages of a task, and no more', async () => {
    const { home, start, reports } = await setUp({ behaviour: 'talkative' });
    await using _ = home;
    await start();
    const said = reports.filter(({ type }) => type === 'task_message');
    expect(said).toHaveLength(2000);
    expect(said.at(-1)).toMatchObject({ level: 'warning', text: expect.stringContaining('says too much') });
    expect(steps(reports)).toEqual([1, 2, 3]);
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
    await kill(attempt);
    await expect(end).rejects.toMatchObject({ name: 'RetryableError', code: 'task_killed' });
  });

  it('stops a task, and kills one that ignores SIGTERM after its grace period', async () => {
    for (const behaviour of ['hang', 'stubborn']) {
      const { home, start, stop, attempt, firstReport } = await setUp({ behaviour }, 300);
      await using _ = home;
      const end = start();
      await firstReport;
      const pid = await leaderOf(attempt);
      stop.abort(new Stopped());
      await expect(end).rejects.toBeInstanceOf(Stopped);
      await expect.poll(() => isAlive(pid)).toBe(false);
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

  it('says so where a task ends well and leaves no result', async () => {
    const { home, start } = await setUp({ behaviour: 'leave_at_once' });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({
      name: 'TerminalError',
      code: 'task_crashed',
      message: 'The task ended with exit code 0 and no result.',
    });
  });

  const succeeded = (more: string) => `{"version": 1, "status": "succeeded", "outputs": {}, "resources": {}${more}}`;
  const modelAt = (path: string) => succeeded(`, "resources": {"model_id": {"kind": "model", "path": "${path}"}}`);
  const notTrusted = { name: 'TerminalError', code: 'result_malformed' };

  it.each([
    ['is empty', ''],
    ['is cut off', succeeded('').slice(0, 40)],
    ['is of another shape', '{"version": 1, "status": "succeeded"}'],
    ['is of another version', succeeded('').replace('1', '2')],
    ['holds NaN', succeeded(', "outputs": {"loss": NaN}')],
    ['holds an infinite number', succeeded(', "outputs": {"loss": 1e999}')],
    ['is deep without end', '['.repeat(1_000_000)],
    ['names a folder above its own', modelAt('../..')],
    ['names a file of the machine', modelAt('/etc')],
    ['names another part of its folder', modelAt('artifacts/../inputs')],
    ['names what is not there', modelAt('artifacts/model')],
  ])('refuses a result that %s', async (_what, result) => {
    const { home, start } = await setUp({ behaviour: 'returns', result });
    await using _ = home;
    await expect(start()).rejects.toMatchObject(notTrusted);
  });

  it('refuses a result that names a link', async () => {
    const { home, start } = await setUp({ behaviour: 'returns_link' });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({ ...notTrusted, message: expect.stringContaining('artifacts/model') });
  });

  it.each([
    ['a link', 'not a plain file'],
    ['a link to a file', 'not a plain file'],
    ['a FIFO', 'not a plain file'],
    ['a folder', 'not a plain file'],
    ['three gigabytes', 'has 3072 MiB, and 16 MiB is the most'],
  ])('refuses %s for a result', async (what, said) => {
    const { home, start } = await setUp({ behaviour: 'leaves', what, where: 'result.json' });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({ ...notTrusted, message: expect.stringContaining(said) });
  });

  it.each(['a link', 'a FIFO', 'a folder'])('warns once of %s in place of the events', async (what) => {
    const { home, start, reports } = await setUp({ behaviour: 'leaves', what, where: 'events.jsonl' });
    await using _ = home;
    await start();
    expect(reports).toMatchObject([{ level: 'warning', text: expect.stringContaining('not a plain file') }]);
  });

  it.each(['a link', 'a FIFO', 'a folder'])('reads nothing of %s in place of the log', async (what) => {
    const { home, start } = await setUp({ behaviour: 'leaves', what, where: 'log.txt' });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({ message: 'The task ended with exit code 3 and no result.' });
  });

  it('takes no harm from 200 MB on one line, and hands no control characters on', async () => {
    const { home, start, reports } = await setUp({ behaviour: 'huge' });
    await using _ = home;
    await expect(start()).rejects.toMatchObject({
      message: 'The task ended with exit code 3 and no result. Its log ends: 20 %\uFFFD',
    });
    expect(steps(reports)).toEqual([1, 2, 3]);
    const said = reports.flatMap((report) => (report.type === 'task_message' ? [report] : []));
    expect(said[0]).toMatchObject({ level: 'warning', text: expect.stringContaining('too long') });
    expect(said[1]?.text).toBe('a\uFFFDbc\n\uFFFD');
    expect(said.length).toBeLessThan(20);
  });

  it('gives up on a task that writes something else altogether where its progress belongs', async () => {
    const { home, start, reports } = await setUp({ behaviour: 'binary' });
    await using _ = home;
    await start();
    expect(reports).toHaveLength(11);
    expect(reports.at(-1)).toMatchObject({ text: expect.stringContaining('no further progress') });
  });

  it('hands on what a task took of the machine, and leaves out what makes no sense', async () => {
    const { home, start } = await setUp({ behaviour: 'measured' });
    await using _ = home;
    expect((await start()).usage).toEqual({ peak_memory_mib: 512.5 });
  });

  const onLinux = it.runIf(process.platform === 'linux');

  onLinux.each(['succeed', 'crash', 'hang'])(
    'leaves no child behind, in the group or not, of a task that is to %s',
    async (behaviour) => {
      const { home, start, stop, attempt, firstReport } = await setUp({ behaviour: 'family', next: behaviour }, 300);
      await using _ = home;
      const end = start().catch(() => undefined);
      if (behaviour === 'hang') void firstReport.then(() => stop.abort(new Stopped()));
      await end;
      expect((await family(attempt)).filter(isAlive)).toEqual([]);
    },
  );

  onLinux('leaves no child behind of a lost task', async () => {
    const { home, start, detach, attempt, firstReport, options, runner } = await setUp(
      { behaviour: 'family', next: 'hang' },
      0,
    );
    await using _ = home;
    const end = start();
    await firstReport;
    detach.abort(new Stopped());
    await expect(end).rejects.toBeInstanceOf(Stopped);
    const pids = await family(attempt);
    const pid = await leaderOf(attempt);
    expect(pids).toContain(pid);
    await kill(attempt);
    await expect.poll(() => isAlive(pid)).toBe(false);
    // Who knows how it ended may say so.
    const found = await runner.find(attempt);
    const attached = { ...options, detach: new AbortController().signal };
    if (found !== undefined) await expect(found.follow(attached)).rejects.toMatchObject({ code: 'task_killed' });
    expect(pids.filter(isAlive)).toEqual([]);
  });

  onLinux('stops strays with their children, and nothing that is live', async () => {
    const { home, start, detach, attempt, firstReport, runner } = await setUp({ behaviour: 'family', next: 'hang' });
    await using _ = home;
    const attempts = dirname(attempt.folder);
    const end = start();
    await firstReport;
    detach.abort(new Stopped());
    await expect(end).rejects.toBeInstanceOf(Stopped);
    expect(await runner.stopStrays?.(attempts, (id) => id === attempt.attemptId)).toEqual([]);
    const pids = await family(attempt);
    expect(pids.length).toBeGreaterThan(2);
    expect(pids.filter(isAlive)).toEqual(pids);
    expect(await runner.stopStrays?.(attempts, () => false)).toEqual([attempt.attemptId]);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await runner.stopStrays?.(attempts, () => false)).toEqual([]);
  });

  onLinux('tells how long a task has been running, whatever the clock was set to', async () => {
    const { home, start, detach, attempt, firstReport, runner } = await setUp({ behaviour: 'hang' }, 0);
    await using _ = home;
    const before = performance.now();
    const end = start();
    await firstReport;
    detach.abort(new Stopped());
    await expect(end).rejects.toBeInstanceOf(Stopped);
    vi.setSystemTime(Date.now() + 24 * 3_600_000);
    const found = await runner.find(attempt);
    vi.useRealTimers();
    expect(found?.ageMs).toBeGreaterThan(0);
    // The machine counts in steps of 10 ms.
    expect(found?.ageMs).toBeLessThan(performance.now() - before + 20);
    await runner.stopStrays?.(dirname(attempt.folder), () => false);
  });

  it('gives the task nothing of the environment of the server', async () => {
    const { home, start, attempt, firstReport, stop } = await setUp({ behaviour: 'hang' });
    await using _ = home;
    process.env.TRAINYARD_SECRET_FOR_TEST = 'secret';
    const end = start();
    await firstReport;
    const environment = readFileSync(`/proc/${await leaderOf(attempt)}/environ`, 'utf8');
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
