import { appendFileSync, linkSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { boundLog } from '../../src/runners/attempt-log.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const mib = 2 ** 20;
const lines = (from: number, count: number) =>
  Array.from({ length: count }, (_item, at) => `${String(from + at).padStart(7, '0')} ${'x'.repeat(1015)}\n`).join('');

describe('a log that grows without end', () => {
  it('keeps its end, in whole lines, and says what is left out', async () => {
    await using home = await temporaryFolder();
    const log = join(home.path, 'log.txt');
    writeFileSync(log, lines(0, 64 * 1024 + 1));
    await boundLog(home.path);
    appendFileSync(log, 'more\n');
    const [first, second, ...others] = readFileSync(log, 'utf8').split('\n');
    expect(first).toBe('… 60 MiB of the log are left out here …');
    expect(second).toMatch(/^\d{7} x{1015}$/);
    expect(others.slice(-3)).toEqual([lines(64 * 1024, 1).trim(), 'more', '']);
    expect(statSync(log).size).toBeLessThan(5 * mib);
  });

  it('is left alone up to 64 MiB, and where there is none', async () => {
    await using home = await temporaryFolder();
    await boundLog(home.path);
    writeFileSync(join(home.path, 'log.txt'), Buffer.alloc(64 * mib));
    await boundLog(home.path);
    expect(statSync(join(home.path, 'log.txt')).size).toBe(64 * mib);
  });

  it('leads nobody to a file that is not its own', async () => {
    for (const lay of [symlinkSync, linkSync]) {
      await using home = await temporaryFolder();
      const other = join(home.path, 'other');
      writeFileSync(other, Buffer.alloc(65 * mib));
      lay(other, join(home.path, 'log.txt'));
      await boundLog(home.path);
      expect(statSync(other).size).toBe(65 * mib);
    }
  });
});
