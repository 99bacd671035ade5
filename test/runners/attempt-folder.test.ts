import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tidyAttemptFolder, unfinishedAttempts } from '../../src/runners/attempt-folder.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

it('keeps of an attempt that is over what tells of it, and no process is looked for any more', async () => {
  await using home = await temporaryFolder();
  const folder = join(home.path, 'att_1');
  await mkdir(join(folder, 'checkpoint'), { recursive: true });
  const kept = ['events.jsonl', 'log.txt', 'spec.json'];
  for (const name of [...kept, 'pid']) await writeFile(join(folder, name), '');
  expect(await unfinishedAttempts(home.path)).toEqual(['att_1']);
  await tidyAttemptFolder(folder);
  expect((await readdir(folder)).sort()).toEqual(kept);
  expect(await unfinishedAttempts(home.path)).toEqual([]);
});
