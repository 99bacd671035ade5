import { join } from 'node:path';
import { openPlainFile } from './plain-file.ts';
import { plainText } from './plain-text.ts';

const tailBytes = 4096;
const shownLength = 500;

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
