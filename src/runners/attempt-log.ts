import { ftruncateSync, readSync, writeSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { openPlainFile } from './plain-file.ts';
import { plainText } from './plain-text.ts';

const mostBytes = 64 * 2 ** 20;
const keptBytes = 4 * 2 ** 20;
const tailBytes = 4096;
let tail: Buffer | undefined;
const shownLength = 500;

/**
 * Keeps an attempt's `log.txt` from filling the disk: beyond 64 MiB its last 4 MiB stay, with a line that says so. The
 * task goes on writing at its end meanwhile; of a task that floods its log some lines are lost.
 */
export async function boundLog(folder: string): Promise<void> {
  const path = join(folder, 'log.txt');
  const size = await lstat(path).then(
    (info) => info.size,
    () => 0,
  );
  if (size <= mostBytes) return;
  const file = await openPlainFile(path, 'read and append').catch(() => undefined);
  if (file === undefined) return;
  try {
    // A second name would be somebody else's file.
    if ((await file.stat()).nlink > 1) return;
    // At once, so that little is written in between and one buffer serves all.
    tail ??= Buffer.allocUnsafeSlow(keptBytes);
    const bytesRead = readSync(file.fd, tail, 0, keptBytes, size - keptBytes);
    const firstLine = tail.subarray(0, bytesRead).indexOf('\n') + 1;
    ftruncateSync(file.fd, 0);
    writeSync(file.fd, `… ${Math.round((size - keptBytes) / 2 ** 20)} MiB of the log are left out here …\n`);
    writeSync(file.fd, tail, firstLine, bytesRead - firstLine);
  } finally {
    await file.close();
  }
}

/** The end of the last line that is not empty, of an attempt's `log.txt`; empty where there is none to be read. */
export async function lastLogLine(folder: string): Promise<string> {
  const file = await openPlainFile(join(folder, 'log.txt')).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(tailBytes), 0, tailBytes, start);
    // A progress bar goes back to the beginning of its line: what it wrote last is what was seen last.
    const lines = plainText(buffer.toString('utf8', 0, bytesRead).replaceAll('\r', '\n'), tailBytes).trimEnd();
    const last = lines.slice(lines.lastIndexOf('\n') + 1);
    return last.length > shownLength ? `…${last.slice(-shownLength)}` : last;
  } finally {
    await file.close();
  }
}
