import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/core/runner.ts';
import {
  abandon,
  prepareAttemptFolder,
  readPid,
  tidyAttemptFolder,
  unfinishedAttempts,
} from '../../src/runners/attempt-folder.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { heavy } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

function attemptIn(home: string, more: Partial<Attempt> = {}): Attempt {
  return {
    attemptId: 'att_1',
    taskId: 'task_1',
    pipelineId: 'pipeline_1',
    nodeId: 'a',
    task: heavy,
    inputs: {},
    resources: {},
    folder: join(home, 'attempts', 'att_1'),
    limits: { cpuThreads: 1, memoryMib: 1, gpus: [], timeoutMs: 1, graceMs: 1 },
    ...more,
  };
}

const prepare = (home: string, more: Partial<Attempt> = {}) =>
  prepareAttemptFolder(attemptIn(home, more), createArtifactStore(join(home, 'artifacts')), { forProcess: true });
const specIn = (home: string) => JSON.parse(readFileSync(join(home, 'attempts', 'att_1', 'spec.json'), 'utf8'));

it('keeps of an attempt that is over what tells of it, and no process is looked for any more', async () => {
  await using home = await temporaryFolder();
  const folder = join(home.path, 'att_1');
  mkdirSync(join(folder, 'checkpoint'), { recursive: true });
  const kept = ['log.txt', 'result.json', 'spec.json'];
  for (const name of ['pid', 'log.txt', 'spec.json']) writeFileSync(join(folder, name), '');
  expect(await unfinishedAttempts(home.path)).toEqual(['att_1']);
  for (const name of ['result.json', 'events.jsonl', 'whatever']) writeFileSync(join(folder, name), '');
  await tidyAttemptFolder(folder);
  expect((await readdir(folder)).sort()).toEqual(kept);
  expect(await unfinishedAttempts(home.path)).toEqual([]);
});

it('tells a task where content lies by absolute paths, and leaves names as they are', async () => {
  await using home = await temporaryFolder();
  const path = async (written: string) => {
    await prepare(home.path, { inputs: { path: written } });
    return specIn(home.path).inputs.path;
  };
  expect(await path('./data/rows.jsonl')).toBe(join(process.cwd(), 'data/rows.jsonl'));
  expect(await path('test/fixtures')).toBe(join(process.cwd(), 'test/fixtures'));
  expect(await path('~/rows.jsonl')).toMatch(/^\/.*rows.jsonl$/);
  for (const name of ['builtin:tiny-llama', 'huggingface:squad', 'owner/name', 'gpt2'])
    expect(await path(name)).toBe(name);
});

it('lets no other user of the machine at what tasks leave', async () => {
  await using home = await temporaryFolder();
  await prepare(home.path);
  expect(statSync(join(home.path, 'attempts')).mode & 0o777).toBe(0o700);
});

describe('what a task may have laid in its folder', () => {
  it.each(['abandoned', 'pid'])('leads nobody to another file as a link named %s', async (name) => {
    await using home = await temporaryFolder();
    const victim = join(home.path, 'victim');
    writeFileSync(victim, '1234');
    symlinkSync(victim, join(home.path, name));
    await abandon(home.path);
    expect(await readPid(home.path)).toBeUndefined();
    expect(readFileSync(victim, 'utf8')).toBe('1234');
  });

  it.each(['abandoned', 'pid'])('keeps nobody waiting as a FIFO named %s', async (name) => {
    await using home = await temporaryFolder();
    execFileSync('mkfifo', [join(home.path, name)]);
    await abandon(home.path);
    expect(await readPid(home.path)).toBeUndefined();
  });

  it('is removed however deep it is, and however closed', async () => {
    await using home = await temporaryFolder();
    const folder = join(home.path, 'att_1');
    mkdirSync(join(folder, 'checkpoint', 'closed', 'inner'), { recursive: true });
    chmodSync(join(folder, 'checkpoint', 'closed'), 0);
    const deeper =
      'i=0; while [ $i -lt 300 ]; do mkdir ddddddddddddddddddddddddd && cd ddddddddddddddddddddddddd; i=$((i+1)); done';
    execFileSync('sh', ['-c', deeper], { cwd: folder, stdio: 'ignore' });
    await tidyAttemptFolder(folder);
    expect(readdirSync(home.path)).toEqual([]);
  });

  it('is no checkpoint where it is a link, or holes that would fill the disk', async () => {
    await using home = await temporaryFolder();
    const before = join(home.path, 'attempts', 'att_0');
    mkdirSync(before, { recursive: true });
    symlinkSync('/etc', join(before, 'checkpoint'));
    await prepare(home.path, { previousFolders: [before] });
    expect(specIn(home.path).resume_from).toBeNull();

    const holes = join(home.path, 'attempts', 'att_2');
    mkdirSync(join(holes, 'checkpoint'), { recursive: true });
    writeFileSync(join(holes, 'checkpoint', 'weights'), '');
    truncateSync(join(holes, 'checkpoint', 'weights'), 2 ** 42);
    await prepare(home.path, { previousFolders: [holes] });
    expect(specIn(home.path).resume_from).toBeNull();
    truncateSync(join(holes, 'checkpoint', 'weights'), 10);
    await prepare(home.path, { previousFolders: [holes] });
    expect(specIn(home.path).resume_from).toBe('inputs/checkpoint');
  });
});
