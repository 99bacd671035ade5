import { execFileSync } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ServerTaskContext } from '../../src/core/task.ts';
import { loadConfig } from '../../tasks/microservices/load-config.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

async function load(config_path: string, artifactsDirectory: string): Promise<unknown> {
  if (loadConfig.work.where !== 'server') throw new Error('It runs in the server.');
  const { signal } = new AbortController();
  const context: ServerTaskContext = {
    artifactsDirectory,
    resources: {},
    prepareEnvironment: async () => ({ hash: '' }),
    signal,
  };
  return (await loadConfig.work.run({ config_path }, context)).outputs.config;
}

it('reads settings from a plain file', async () => {
  await using home = await temporaryFolder();
  const path = join(home.path, 'lora.yaml');
  await writeFile(path, 'batch_size: 4\n');
  expect(await load(path, home.path)).toEqual({ batch_size: 4 });
});

it('neither waits for a FIFO nor takes a device or a large file into memory', async () => {
  await using home = await temporaryFolder();
  const [fifo, large] = [join(home.path, 'fifo'), join(home.path, 'large.yaml')];
  execFileSync('mkfifo', [fifo]);
  await writeFile(large, '');
  await truncate(large, 3 * 2 ** 30);
  for (const path of [fifo, '/dev/zero', large, home.path, join(home.path, 'missing')]) {
    await expect(load(path, home.path), path).rejects.toMatchObject({ code: 'config_unreadable' });
  }
});
