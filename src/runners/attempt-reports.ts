import { join } from 'node:path';
import { z } from 'zod';
import { metricsSchema } from '../core/events.ts';
import type { AttemptReport } from '../core/runner.ts';
import { NotPlainFile, openPlainFile } from './plain-file.ts';
import { plainText } from './plain-text.ts';

const nullableFinite = z.number().nullable();
const lineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('progress'),
    phase: z.string().transform((phase) => plainText(phase, 200)),
    step: z.number(),
    total: nullableFinite.default(null),
    eta_seconds: nullableFinite.default(null),
    metrics: metricsSchema.default({}),
  }),
  z.object({
    type: z.literal('message'),
    level: z.enum(['info', 'warning']).default('info'),
    text: z.string().transform((text) => plainText(text, 4000)),
  }),
]);

const chunkBytes = 256 * 1024;
/** 1 GiB: what is read in one go, however much there is. */
const chunksAtOnce = 4096;
const newline = 10;
/** Lines that cannot be read are told of so many times: they fill no journal. */
const warningsAtMost = 10;
/** A person reads no more of one task, and each of them stays in the journal. */
const messagesAtMost = 2000;
/** Who writes so many of them writes something else altogether, and each takes longer than one that can be read. */
const unreadableAtMost = 1000;

export interface ReportReader {
  /** What the whole lines say that were written since the last call, up to 1 GiB of them. */
  newReports(): AsyncGenerator<AttemptReport>;
}

/**
 * Reads an attempt's `events.jsonl` from a byte offset on. A line that is longer than 256 KiB, or that says nothing
 * known, becomes a warning.
 */
export function createReportReader(folder: string, fromOffset: number): ReportReader {
  const path = join(folder, 'events.jsonl');
  let offset = fromOffset;
  let isWithinLongLine = false;
  let unreadableLines = 0;
  let messages = 0;
  let isGivenUp = false;

  function giveUp(reason: string): AttemptReport {
    isGivenUp = true;
    return warning(`${reason}: no further progress of this task is shown.`);
  }

  function unreadable(line: string): AttemptReport | undefined {
    unreadableLines += 1;
    if (unreadableLines < warningsAtMost) return warning(`The task wrote a progress line that cannot be read: ${line}`);
    if (unreadableLines === warningsAtMost) return warning('Further progress lines that cannot be read are left out.');
    return unreadableLines > unreadableAtMost ? giveUp('Too many progress lines cannot be read') : undefined;
  }

  function parseLine(line: string): AttemptReport | undefined {
    try {
      const parsed = lineSchema.parse(JSON.parse(line));
      if (parsed.type === 'progress') return { ...parsed, type: 'task_progress' };
      messages += 1;
      if (messages > messagesAtMost) return undefined;
      return messages === messagesAtMost
        ? warning('The task says too much: its further messages are left out; its log has what it printed.')
        : { ...parsed, type: 'task_message' };
    } catch {
      return unreadable(plainText(line, 200));
    }
  }

  function* reportsIn(chunk: Buffer): Generator<AttemptReport> {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1 && !isGivenUp; end = chunk.indexOf(newline, start)) {
      const report = isWithinLongLine ? undefined : parseLine(chunk.toString('utf8', start, end));
      isWithinLongLine = false;
      start = end + 1;
      if (report !== undefined) yield { ...report, offset: offset + start };
    }
    if (start === 0 && chunk.length === chunkBytes) {
      const report = isWithinLongLine ? undefined : unreadable('it is too long.');
      isWithinLongLine = true;
      start = chunkBytes;
      if (report !== undefined) yield { ...report, offset: offset + start };
    }
    offset += start;
  }

  return {
    async *newReports() {
      try {
        for (let chunks = 0, before = -1; !isGivenUp && chunks < chunksAtOnce && offset > before; chunks += 1) {
          before = offset;
          yield* reportsIn(await readChunk(path, offset));
        }
      } catch (error) {
        if (!(error instanceof NotPlainFile)) throw error;
        yield giveUp("The task's events.jsonl is not a plain file");
      }
    },
  };
}

const warning = (text: string): AttemptReport => ({ type: 'task_message', level: 'warning', text });

async function readChunk(path: string, position: number): Promise<Buffer> {
  const file = await openPlainFile(path);
  if (file === undefined) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
