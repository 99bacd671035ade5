import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

it('takes and gives 2 GB with little memory', async () => {
  await using home = await temporaryFolder();
  const program = join(import.meta.dirname, '../fakes/memory-of-transfers.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [program, home.path, '2048']);
  expect(JSON.parse(stdout).grownMib).toBeLessThan(64);
});
