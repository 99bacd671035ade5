import { closeSync, fdatasyncSync, openSync, readFileSync, statfsSync, writeSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { UserError } from '../../src/core/errors.ts';
import { median } from './figures.ts';

const root = join(import.meta.dirname, '..', '..');

/** By the number that Linux gives a kind of file system. */
const fileSystems: Record<number, string> = {
  61267: 'ext4 (or ext3, ext2)',
  16914836: 'tmpfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlayfs',
};

/** What a reader has to know of machine and settings to make something of the figures. */
export function describeConfiguration(folder: string): string[] {
  const fileSystem = fileSystemOf(folder);
  if (fileSystem === 'tmpfs') throw new UserError('no_disk', `${folder} is in memory; the bench wants a disk.`);
  const db = new Database(':memory:');
  const sqlite = String(db.prepare('SELECT sqlite_version()').pluck().get());
  db.close();
  const cores = cpus();
  const memoryGib = (totalmem() / 2 ** 30).toFixed(0);
  const [load = 0] = loadavg();
  return [
    `Trainyard ${versionOf('package.json')}, Node ${process.versions.node}, SQLite ${sqlite} (better-sqlite3 ${versionOf('node_modules/better-sqlite3/package.json')})`,
    `${platform()} ${release()} ${arch()}, ${cores.length} × ${cores[0]?.model.trim() ?? 'CPU'}, ${memoryGib} GiB, load ${load.toFixed(1)} at the start`,
    `Journals on ${fileSystem}, WAL, synchronous = FULL: each commit is synced; a sync of 4 KiB takes ${syncMs(folder).toFixed(2)} ms (median of ${syncs})`,
  ];
}

export function versionOf(packageFile: string): string {
  return (JSON.parse(readFileSync(join(root, packageFile), 'utf8')) as { version: string }).version;
}

function fileSystemOf(folder: string): string {
  const { type } = statfsSync(folder);
  return fileSystems[type] ?? `file system 0x${type.toString(16)}`;
}

const syncs = 200;

function syncMs(folder: string): number {
  const file = openSync(join(folder, 'sync'), 'w');
  const page = Buffer.alloc(4096);
  try {
    const times = Array.from({ length: syncs }, () => {
      const start = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return performance.now() - start;
    });
    return median(times);
  } finally {
    closeSync(file);
  }
}
