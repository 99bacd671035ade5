import { constants } from 'node:fs';
import { cp, mkdir, open, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { z } from 'zod';
import { RetryableError, TerminalError, taskErrorSchema, UserError } from '../core/errors.ts';
import { metricsSchema } from '../core/events.ts';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt, AttemptReport } from '../core/runner.ts';
import { resourceKindSchema, type TaskResult } from '../core/task.ts';

/**
 * The folder of an attempt is the whole contract between Trainyard and an isolated task:
 * in come `spec.json` and `inputs/`, out go `events.jsonl`, `log.txt`, `artifacts/` and, last, `result.json`.
 */
export async function prepareAttemptFolder(attempt: Attempt, store: ArtifactStore): Promise<void> {
  const { folder, previousFolder } = attempt;
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'artifacts'), { recursive: true });
  const resources: Record<string, object> = {};
  for (const [id, resource] of Object.entries(attempt.resources)) {
    const path = `inputs/${id}`;
    await store.layOut(resource, join(folder, path));
    resources[id] = { kind: resource.kind, path, metadata: resource.metadata };
  }
  const spec = {
    version: 1,
    task_id: attempt.taskId,
    attempt_id: attempt.attemptId,
    task_name: attempt.task.name,
    inputs: attempt.inputs,
    resources,
    resume_from: previousFolder === undefined ? null : await takeCheckpoint(previousFolder, folder),
    limits: {
      cpu_threads: attempt.limits.cpuThreads,
      memory_mib: attempt.limits.memoryMib,
      gpus: attempt.limits.gpus,
    },
  };
  await writeFile(join(folder, 'spec.json'), `${JSON.stringify(spec, null, 2)}\n`, { mode: 0o444 });
}

async function takeCheckpoint(previousFolder: string, folder: string): Promise<string | null> {
  const candidates = [join(previousFolder, 'checkpoint'), join(previousFolder, 'inputs', 'checkpoint')];
  for (const checkpoint of candidates) {
    if (!(await isThere(checkpoint))) continue;
    await cp(checkpoint, join(folder, 'inputs', 'checkpoint'), { recursive: true, mode: constants.COPYFILE_FICLONE });
    return 'inputs/checkpoint';
  }
  return null;
}

/** Removes what was only needed while the attempt ran; `spec.json`, `log.txt` and `result.json` stay. */
export async function tidyAttemptFolder(folder: string): Promise<void> {
  for (const name of ['inputs', 'artifacts', 'checkpoint']) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

const nullableFinite = z.number().nullable();
const lineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('progress'),
    phase: z.string(),
    step: z.number(),
    total: nullableFinite.default(null),
    eta_seconds: nullableFinite.default(null),
    metrics: metricsSchema.default({}),
  }),
  z.object({ type: z.literal('message'), level: z.enum(['info', 'warning']).default('info'), text: z.string() }),
]);

const chunkBytes = 256 * 1024;
const newline = 10;

/**
 * Reads the whole lines of `events.jsonl` from a byte offset on, at most 256 KiB at a time. A line that is
 * longer than that, or that says nothing known, becomes a warning: the offset moves past it.
 */
export async function readReports(
  folder: string,
  fromOffset: number,
): Promise<{ reports: AttemptReport[]; offset: number }> {
  const chunk = await readChunk(join(folder, 'events.jsonl'), fromOffset);
  const reports: AttemptReport[] = [];
  let start = 0;
  for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
    const line = chunk.toString('utf8', start, end);
    start = end + 1;
    reports.push({ ...parseLine(line), offset: fromOffset + start });
  }
  if (start === 0 && chunk.length === chunkBytes) {
    return { reports: [{ ...unreadable(''), offset: fromOffset + chunkBytes }], offset: fromOffset + chunkBytes };
  }
  return { reports, offset: fromOffset + start };
}

async function readChunk(path: string, position: number): Promise<Buffer> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function parseLine(line: string): AttemptReport {
  try {
    const parsed = lineSchema.parse(JSON.parse(line));
    return parsed.type === 'progress' ? { ...parsed, type: 'task_progress' } : { ...parsed, type: 'task_message' };
  } catch {
    return unreadable(line);
  }
}

function unreadable(line: string): AttemptReport {
  const shown = line.length > 200 ? `${line.slice(0, 200)}…` : line;
  return {
    type: 'task_message',
    level: 'warning',
    text: `The task wrote a progress line that cannot be read: ${shown}`,
  };
}

const resultSchema = z.discriminatedUnion('status', [
  z.object({
    version: z.literal(1),
    status: z.literal('succeeded'),
    outputs: z.record(z.string(), z.json()),
    resources: z.record(
      z.string(),
      z.object({ kind: resourceKindSchema, path: z.string(), metadata: z.record(z.string(), z.json()).default({}) }),
    ),
  }),
  z.object({ version: z.literal(1), status: z.literal('failed'), error: taskErrorSchema }),
]);

export function hasResult(folder: string): Promise<boolean> {
  return isThere(join(folder, 'result.json'));
}

/**
 * The result that the task wrote last.
 * @throws the task's own error, or TerminalError `result_malformed` where it cannot be trusted.
 */
export async function readResult(folder: string): Promise<TaskResult> {
  const result = parseResult(await readFile(join(folder, 'result.json'), 'utf8'));
  if (result.status === 'failed') throw thrown(result.error);
  const resources: TaskResult['resources'] = {};
  for (const [output, resource] of Object.entries(result.resources)) {
    resources[output] = { ...resource, path: await pathInside(folder, resource.path) };
  }
  return { outputs: result.outputs, resources };
}

function parseResult(text: string): z.infer<typeof resultSchema> {
  try {
    return resultSchema.parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new TerminalError('result_malformed', `The task's result.json cannot be used: ${reason}`, { cause });
  }
}

function thrown({ kind, code, message, hint }: z.infer<typeof taskErrorSchema>): Error {
  const options = hint === undefined ? {} : { hint };
  switch (kind) {
    case 'user':
      return new UserError(code, message, options);
    case 'retryable':
      return new RetryableError(code, message, options);
    case 'terminal':
      return new TerminalError(code, message, options);
    case 'bug':
      return new Error(message);
  }
}

/** The real path of what the result names, which must lie in the attempt's `artifacts/`. */
async function pathInside(folder: string, path: string): Promise<string> {
  const root = await realpath(folder);
  const real = await realpath(join(folder, path)).catch(() => undefined);
  if (real?.startsWith(join(root, 'artifacts') + sep)) return real;
  throw new TerminalError('result_malformed', `The task's result names ${path}, which is not among its artifacts.`);
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
