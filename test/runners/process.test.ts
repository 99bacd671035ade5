import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ArtifactStore, Resource } from '../../src/core/resource.ts';
import type { Attempt, Runner } from '../../src/core/runner.ts';
import { createProcessRunner, type ProcessRunnerOptions } from '../../src/runners/process.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { runnerContract } from '../contract/runner-contract.ts';
import { seenByPidFile } from '../fakes/seen-by-pid-file.ts';
import { heavy, workerCommand } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const createRunner = (store: ArtifactStore, more: Partial<ProcessRunnerOptions> = {}) =>
  createProcessRunner({ name: 'process', store, command: workerCommand, ...more });

describe('the process runner', () => {
  runnerContract({ createRunner, ...seenByPidFile });

  const resource: Resource = { resource_id: 'ds_1', kind: 'dataset', artifacts: [], metadata: {} };
  const attemptIn = (home: string, inputs: Attempt['inputs']): Attempt => ({
    attemptId: 'att_1',
    taskId: 'task_1',
    pipelineId: 'pl_1',
    nodeId: 'heavy',
    task: heavy,
    inputs,
    resources: { ds_1: resource },
    folder: join(home, 'attempts', 'att_1'),
    limits: { cpuThreads: 1, memoryMib: 100, gpus: [], timeoutMs: 60_000, graceMs: 0 },
  });
  const { signal } = new AbortController();
  const options = { fromOffset: 0, onReport: () => {}, signal, detach: signal };
  const run = async (runner: Runner, attempt: Attempt) => (await runner.start(attempt, options)).follow(options);
  const diskFull = { name: 'RetryableError', code: 'disk_full', hint: 'Free some space; it goes on by itself.' };

  it('takes a full disk for what it is while it lays the folder out', async () => {
    await using home = await temporaryFolder();
    const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const store = { ...createArtifactStore(home.path), layOut: () => Promise.reject(cause) };
    await expect(run(createRunner(store), attemptIn(home.path, {}))).rejects.toMatchObject({
      ...diskFull,
      message: 'The disk is full: ENOSPC: no space left on device, write',
      cause,
    });
  });

  it('takes a full disk, and no crash, for the cause when a task ends without a result', async () => {
    await using home = await temporaryFolder();
    const runner = createRunner(createArtifactStore(home.path), { freeBytes: async () => 2 ** 20 - 1 });
    await expect(run(runner, attemptIn(home.path, { behaviour: 'crash' }))).rejects.toMatchObject(diskFull);
  });

  it('holds a task that ended as one that was asked to stop for worth a retry', async () => {
    await using home = await temporaryFolder();
    const runner = createRunner(createArtifactStore(home.path), {
      command: async ({ folder }) => ({ argv: ['/bin/sh', '-c', 'exit 143', folder], env: {} }),
    });
    await expect(run(runner, attemptIn(home.path, {}))).rejects.toMatchObject({ code: 'task_killed' });
  });

  it.each(['find', 'stopStrays'] as const)('never begins a task that %s has given up while it started', async (by) => {
    await using home = await temporaryFolder();
    const attempt = attemptIn(home.path, {});
    const store = createArtifactStore(home.path);
    const other = createRunner(store);
    const giveUp = async () => {
      if (by === 'find') expect(await other.find(attempt)).toBeUndefined();
      else expect(await other.stopStrays?.(join(home.path, 'attempts'), () => false)).toEqual([]);
    };
    // The inputs are laid out just before the process is started.
    const runner = createRunner({ ...store, layOut: giveUp });
    await expect(run(runner, attempt)).rejects.toMatchObject({ code: 'task_crashed' });
    expect(existsSync(join(attempt.folder, 'events.jsonl'))).toBe(false);
  });
});
