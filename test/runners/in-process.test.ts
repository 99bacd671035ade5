import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Attempt } from '../../src/core/runner.ts';
import { defineTask, type ServerTaskContext, type TaskResult } from '../../src/core/task.ts';
import { tidyAttemptFolder } from '../../src/runners/attempt-folder.ts';
import { createInProcessRunner } from '../../src/runners/in-process.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const nothing: TaskResult = { outputs: {}, resources: {} };

/** A light task that does this, and what is needed to follow it. */
async function setUp(work: (context: ServerTaskContext) => Promise<TaskResult>) {
  const home = await temporaryFolder();
  const store = createArtifactStore(join(home.path, 'artifacts'));
  const task = defineTask({
    name: 'light',
    type: 'MICROSERVICE',
    summary: 'Do it',
    examples: [],
    input: z.strictObject({}),
    output: z.object({}),
    work: { where: 'server', run: (_inputs, context) => work(context) },
  });
  const attempt: Attempt = {
    attemptId: 'att_1',
    taskId: 'task_1',
    pipelineId: 'pl_1',
    nodeId: 'heavy',
    task,
    inputs: {},
    resources: {},
    folder: join(home.path, 'att_1'),
    limits: { cpuThreads: 1, memoryMib: 100, gpus: [], timeoutMs: 60_000, graceMs: 0 },
  };
  const runner = createInProcessRunner(store, async (_requirements, _version, { signal }) => {
    signal.throwIfAborted();
    return { hash: 'none' };
  });
  const detach = new AbortController();
  async function run(stop = new AbortController().signal): Promise<TaskResult> {
    const options = { fromOffset: 0, onReport: () => {}, signal: stop, detach: detach.signal };
    return (await runner.start(attempt, options)).follow(options);
  }
  return { home, store, attempt, detach, run, runner };
}

describe('the in-process runner', () => {
  it('makes no folder for a task that asks for none, which then needs no tidying', async () => {
    const { home, attempt, run, runner } = await setUp(async () => nothing);
    await using _ = home;
    expect(await run()).toEqual(nothing);
    expect(existsSync(attempt.folder)).toBe(false);
    await tidyAttemptFolder(attempt.folder);
    expect(runner.outlivesServer).toBe(false);
  });

  it('makes an empty folder when it is asked for, once', async () => {
    const { home, attempt, run } = await setUp(async (context) => {
      expect(readdirSync(context.artifactsDirectory)).toEqual([]);
      await writeFile(join(context.artifactsDirectory, 'a'), 'a');
      expect(readdirSync(context.artifactsDirectory)).toEqual(['a']);
      return nothing;
    });
    await using _ = home;
    await run();
    await tidyAttemptFolder(attempt.folder);
    expect(existsSync(attempt.folder)).toBe(false);
  });

  it('lays out the resources, and the folder for artifacts beside them', async () => {
    const { home, attempt, run, store } = await setUp(async ({ resources, artifactsDirectory }) => {
      expect(readdirSync(artifactsDirectory)).toEqual([]);
      expect(readdirSync(resources.ds_1?.path ?? '')).toEqual(['rows.jsonl']);
      return nothing;
    });
    await using _ = home;
    const rows = join(home.path, 'rows');
    await mkdir(rows);
    await writeFile(join(rows, 'rows.jsonl'), '{}');
    attempt.resources.ds_1 = await store.keep({ kind: 'dataset', path: rows, metadata: {} });
    await run();
  });

  it.each(['stop', 'detach'])('leaves a task behind that looks at nothing, on %s', async (how) => {
    const begun = Promise.withResolvers<void>();
    const { home, detach, run } = await setUp(() => {
      begun.resolve();
      return new Promise(() => {});
    });
    await using _ = home;
    const stop = new AbortController();
    const end = run(stop.signal);
    await begun.promise;
    (how === 'stop' ? stop : detach).abort(new Error(`told to ${how}`));
    await expect(end).rejects.toThrow(`told to ${how}`);
  });

  it('tells a task that looks, and the making of its environment', async () => {
    const stop = new AbortController();
    const told: Promise<unknown>[] = [];
    const { home, run } = await setUp(async ({ signal, prepareEnvironment }) => {
      stop.abort(new Error('stopped'));
      told.push(
        Promise.resolve(signal.reason),
        prepareEnvironment([]).catch((error) => error),
      );
      await new Promise(setImmediate);
      return nothing;
    });
    await using _ = home;
    await expect(run(stop.signal)).rejects.toThrow('stopped');
    expect(await Promise.all(told)).toEqual([stop.signal.reason, stop.signal.reason]);
  });

  it('begins nothing when all are let go', async () => {
    const { home, detach, run } = await setUp(() => expect.fail('it began'));
    await using _ = home;
    detach.abort(new Error('detached'));
    await expect(run()).rejects.toThrow('detached');
  });

  it('runs 256 tasks at once on one signal without a warning', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const allBegun = Promise.withResolvers<void>();
    let begun = 0;
    const { home, detach, run } = await setUp(() => {
      begun += 1;
      if (begun === 256) allBegun.resolve();
      return new Promise(() => {});
    });
    await using _ = home;
    const ends = Array.from({ length: 256 }, () => run());
    await allBegun.promise;
    detach.abort(new Error('detached'));
    for (const end of ends) await expect(end).rejects.toThrow('detached');
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('takes a full disk for what it is', async () => {
    const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const { home, run } = await setUp(() => Promise.reject(cause));
    await using _ = home;
    await expect(run()).rejects.toMatchObject({ name: 'RetryableError', code: 'disk_full', cause });
  });
});
