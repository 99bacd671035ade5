import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { contentOf } from '../../src/store/content-of.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

it('changes with a file, whatever way it is named', async () => {
  await using home = await temporaryFolder();
  const file = join(home.path, 'data.jsonl');
  const [link, folder] = [join(home.path, 'link.jsonl'), join(home.path, 'folder')];
  await writeFile(file, 'one');
  await symlink(file, link);
  await mkdir(folder);
  await symlink(file, join(folder, 'train.jsonl'));
  const names = [file, `file:${file}`, `file://${file}`, link, folder];
  const before = names.map(contentOf);
  expect(before).not.toContain(undefined);
  expect(names.map(contentOf)).toEqual(before);
  await writeFile(file, 'two');
  for (const [index, name] of names.entries()) expect(contentOf(name), name).not.toBe(before[index]);
});

it('cannot be told of what leads nowhere, round, or to very many files', async () => {
  await using home = await temporaryFolder();
  await symlink('.', join(home.path, 'round'));
  expect(contentOf(home.path)).toBeUndefined();
  await rm(join(home.path, 'round'));
  expect(contentOf(home.path)).toBeDefined();
  for (const name of [
    './missing',
    '~/missing.jsonl',
    'data/missing.jsonl',
    '/usr',
    `${home.path}/${'x'.repeat(300)}`,
  ]) {
    expect(contentOf(name), name).toBeUndefined();
  }
});

it('is the name of what comes with Trainyard or lies on a hub, but for data that is fetched again', () => {
  for (const name of ['builtin:tiny-llama', 'meta-llama/Llama-2-7b', 'Qwen/Qwen2.5-0.5B', 'gpt2']) {
    expect(contentOf(name)).toBe(name);
  }
  expect(contentOf('huggingface:squad')).toBeUndefined();
});
