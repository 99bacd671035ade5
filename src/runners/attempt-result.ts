import { lstat, realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { z } from 'zod';
import { RetryableError, TerminalError, taskErrorSchema, UserError } from '../core/errors.ts';
import { resourceKindSchema, type TaskResult } from '../core/task.ts';
import { NotPlainFile, openPlainFile } from './plain-file.ts';
import { plainText } from './plain-text.ts';

const bytesAtMost = 16 * 2 ** 20;

/** A measurement that makes no sense is left out: no result is lost for it. */
const peak = z.number().nonnegative().optional().catch(undefined);

const resultSchema = z.discriminatedUnion('status', [
  z.object({
    version: z.literal(1),
    status: z.literal('succeeded'),
    outputs: z.record(z.string(), z.json()),
    resources: z.record(
      z.string(),
      z.object({ kind: resourceKindSchema, path: z.string(), metadata: z.record(z.string(), z.json()).default({}) }),
    ),
    usage: z.object({ peak_memory_mib: peak, peak_gpu_memory_mib: peak }).optional().catch(undefined),
  }),
  z.object({ version: z.literal(1), status: z.literal('failed'), error: taskErrorSchema }),
]);

/** Whether there is anything by that name: it is written last, so that it ends the attempt, whatever it is. */
export function hasResult(folder: string): Promise<boolean> {
  return lstat(join(folder, 'result.json')).then(
    () => true,
    () => false,
  );
}

/** How long an attempt ran that has left a result, by the times of its first and its last file. */
export async function ranMs(folder: string): Promise<number | undefined> {
  const timeOf = (name: string) => lstat(join(folder, name)).then(({ mtimeMs }) => mtimeMs);
  try {
    return Math.max(0, (await timeOf('result.json')) - (await timeOf('spec.json')));
  } catch {
    return undefined;
  }
}

/**
 * The result that the task wrote last; undefined where it wrote none.
 * @throws the task's own error, or TerminalError `result_malformed` where it cannot be trusted.
 */
export async function readResult(folder: string): Promise<TaskResult | undefined> {
  const text = await readText(join(folder, 'result.json'));
  if (text === undefined) return undefined;
  const result = parseResult(text);
  if (result.status === 'failed') throw thrown(result.error);
  const resources: TaskResult['resources'] = {};
  for (const [output, resource] of Object.entries(result.resources)) {
    resources[output] = { ...resource, path: await pathInside(folder, resource.path) };
  }
  return { outputs: result.outputs, resources, ...(result.usage && { usage: result.usage }) };
}

async function readText(path: string): Promise<string | undefined> {
  const file = await openPlainFile(path).catch((error) => {
    throw error instanceof NotPlainFile ? malformed('it is not a plain file', error) : error;
  });
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > bytesAtMost) throw malformed(`it has ${Math.ceil(size / 2 ** 20)} MiB, and 16 MiB is the most`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function parseResult(text: string): z.infer<typeof resultSchema> {
  try {
    return resultSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw malformed(cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause), cause);
  }
}

function malformed(reason: string, cause?: unknown): TerminalError {
  return new TerminalError('result_malformed', `The task's result.json cannot be used: ${plainText(reason, 1000)}`, {
    hint: 'The task itself is at fault; its log may say more.',
    cause,
  });
}

/** What only we can know: a task that says so itself would be started for ever. */
const ourCodes = new Set(['task_lost']);

function thrown({ kind, code: said, message, hint }: z.infer<typeof taskErrorSchema>): Error {
  const code = ourCodes.has(said) ? 'task_failed' : said;
  const text = plainText(message, 4000);
  const options = hint === undefined ? {} : { hint: plainText(hint, 4000) };
  switch (kind) {
    case 'user':
      return new UserError(code, text, options);
    case 'retryable':
      return new RetryableError(code, text, options);
    case 'terminal':
      return new TerminalError(code, text, options);
    case 'bug':
      return new Error(text);
  }
}

/** The path of what the result names, which must lie in the attempt's `artifacts/`, with no link on the way there. */
async function pathInside(folder: string, path: string): Promise<string> {
  const root = await realpath(folder);
  const named = resolve(join(root, path));
  const real = await realpath(named).catch(() => undefined);
  if (real === named && real.startsWith(join(root, 'artifacts') + sep)) return real;
  throw malformed(`it names ${path}, which is not among the task's artifacts`);
}
