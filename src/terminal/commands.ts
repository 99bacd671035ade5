import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { UserError } from '../core/errors.ts';
import { type Pipeline, pipelineSchema, withoutReuse } from '../core/pipeline.ts';
import type { Reply } from '../core/reply.ts';
import type { Submitted } from '../executor/executor.ts';
import type { PipelineSummary } from '../executor/journal/journal.ts';
import { readMachine } from '../machine.ts';
import { createPlanner, startApp } from '../main.ts';
import { describeStatus } from '../services/actions.ts';
import { localUser } from '../services/local-user.ts';
import type { PipelineStatus } from '../services/pipeline-status.ts';
import type { TaskInfo, TaskSummary } from '../services/tasks.ts';
import { formatTable } from '../services/text-table.ts';
import { type Client, openClient } from './client.ts';
import { type CommandContext, exitCodeOf, exitCodes } from './context.ts';
import { followPipeline } from './follow.ts';
import { replyLines, resultTable } from './show.ts';

/** Serves until it is interrupted. */
export async function start({ config, say, signal }: CommandContext): Promise<number> {
  const app = await startApp(config);
  const engine = config.openai === undefined ? 'the built-in offline engine' : `${config.openai.model}`;
  say(`Trainyard listens on ${app.url}`);
  if (app.grpcAddress !== undefined) say(`gRPC listens on ${app.grpcAddress}`);
  say(`Messages are understood by ${engine}. ${app.isolation}`);
  if (app.recovered > 0) say(`Going on with ${app.recovered} pipeline${app.recovered === 1 ? '' : 's'}.`);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await app.close();
  return exitCodes.succeeded;
}

/** Says a message, answers questions where a person can, and follows what was submitted to its end. */
export async function run(message: string, context: CommandContext): Promise<number> {
  await using client = await openClient(context.config);
  const { reply, status } = await converse(client, message, context);
  if (context.json) context.print({ reply, ...(status !== undefined && { status }) });
  return status === undefined ? exitCodeOfReply(reply) : exitCodeOf(status, context);
}

/** A plan that came back instead of running is one that this machine refuses. */
function exitCodeOfReply({ kind }: Reply): number {
  return kind === 'question' || kind === 'refused' || kind === 'plan' ? exitCodes.wrongInput : exitCodes.succeeded;
}

export async function converse(
  client: Client,
  message: string,
  context: CommandContext,
): Promise<{ reply: Reply; status?: PipelineStatus }> {
  const listening = new AbortController();
  const signal = AbortSignal.any([context.signal, listening.signal]);
  const conversation = await client.converse(`cli_${randomUUID()}`, signal);
  try {
    context.signal.throwIfAborted();
    conversation.send(message);
    for await (const frame of conversation.frames) {
      if (frame.type !== 'reply_sent') continue;
      const { reply } = frame;
      context.say(replyLines(reply));
      const started = startedBy(reply);
      if (started !== undefined) {
        return { reply, status: await followPipeline(client, started.pipeline_id, started.pipeline, context) };
      }
      const waits = reply.kind === 'question' || (reply.kind === 'plan' && reply.awaits_approval);
      const answer = waits ? await ask(context) : undefined;
      if (answer === undefined) return { reply };
      conversation.send(answer);
    }
    throw new UserError('interrupted', 'Interrupted.');
  } finally {
    listening.abort();
  }
}

/** The pipeline that a reply has set going: a new one, or one that is retried. */
function startedBy(reply: Reply): { pipeline_id: string; pipeline: Pipeline } | undefined {
  if (reply.kind === 'submitted') return reply;
  if (reply.kind !== 'action' || reply.action.name !== 'retry') return undefined;
  const { pipeline_id, tasks } = reply.data as unknown as PipelineStatus;
  return { pipeline_id, pipeline: { nodes: tasks.map(({ node_id, task_name }) => ({ node_id, task_name })) } };
}

/** The person's answer, or undefined where nobody sits at a terminal. */
async function ask({ json, signal }: CommandContext, prompt = '> '): Promise<string | undefined> {
  if (json || !process.stdin.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(prompt, { signal });
  } finally {
    lines.close();
  }
}

/** Shows what a message would run, and runs nothing. */
export async function plan(message: string, { config, json, say, print }: CommandContext): Promise<number> {
  const agent = createPlanner({ ...config }, await readMachine(config.gpus), { dryRun: true });
  const reply = await agent.processMessage(message, { userId: 'local', conversationId: randomUUID() });
  if (json) print(reply);
  else say(replyLines(reply));
  return reply.kind === 'question' || reply.kind === 'refused' ? exitCodes.wrongInput : exitCodes.succeeded;
}

interface Case {
  id: string;
  turns: string[];
}

/** JSON lines `{id, turns}` from stdin to JSON lines `{id, replies}`: every conversation for itself. */
export async function planBatch({ config, print }: CommandContext): Promise<number> {
  const agent = createPlanner(config, await readMachine(config.gpus), { dryRun: true });
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const { id, turns } = parseCase(line, number);
    const replies: Reply[] = [];
    for (const turn of turns) {
      replies.push(await agent.processMessage(turn, { userId: 'local', conversationId: `batch_${number}` }));
    }
    print({ id, replies });
  }
  return exitCodes.succeeded;
}

function parseCase(line: string, number: number): Case {
  try {
    const { id, turns } = JSON.parse(line) as Partial<Case>;
    if (typeof id === 'string' && Array.isArray(turns) && turns.every((turn) => typeof turn === 'string')) {
      return { id, turns };
    }
  } catch {
    // Said below, with the form that is wanted.
  }
  throw new UserError('wrong_input', `Line ${number} of the input is not {"id": "…", "turns": ["…"]}.`);
}

/** Submits a pipeline from a file, with further global inputs from the command line. */
export async function submit(
  file: string,
  inputs: readonly string[],
  { wait, fresh }: { wait: boolean; fresh: boolean },
  context: CommandContext,
): Promise<number> {
  const written = addInputs(await readPipeline(file), inputs);
  const pipeline = fresh ? runAfresh(written) : written;
  await using client = await openClient(context.config);
  context.signal.throwIfAborted();
  const submitted = await submitAsking(client, pipeline, context);
  context.say(`Submitted as ${submitted.pipeline_id}.`);
  if (!wait && client.embedded) {
    context.say('No server runs: this one stays until the pipeline is over, or start one with `trainyard start`.');
  }
  if (!wait && !client.embedded) {
    if (context.json) context.print(submitted);
    return exitCodes.succeeded;
  }
  const current = await client.get<PipelineStatus>(`/api/pipelines/${submitted.pipeline_id}`);
  const nodes = current.tasks.map(({ node_id, task_name }) => ({ node_id, task_name }));
  const status = await followPipeline(client, submitted.pipeline_id, { nodes }, context);
  if (context.json) context.print({ ...submitted, status });
  return exitCodeOf(status, context);
}

/** The pipeline with nothing taken from earlier runs; what is no pipeline stays as it is. */
function runAfresh(pipeline: unknown): unknown {
  const parsed = pipelineSchema.safeParse(pipeline);
  return parsed.success ? withoutReuse(parsed.data) : pipeline;
}

/** Asks a person for inputs that the file leaves open; without one, says how to give them. */
async function submitAsking(client: Client, pipeline: unknown, context: CommandContext): Promise<Submitted> {
  try {
    return await client.post<Submitted>('/api/pipelines', pipeline);
  } catch (error) {
    const names = error instanceof UserError ? onlyMissing(error) : [];
    if (names.length === 0) throw error;
    const given: string[] = [];
    for (const name of names) {
      const answer = await ask(context, `${name}: `);
      if (answer === undefined) throw new UserError('missing_input', messageOf(error), { hint: inputHint(names) });
      given.push(`${name}=${answer}`);
    }
    return client.post<Submitted>('/api/pipelines', addInputs(pipeline, given));
  }
}

/** The inputs that a refusal is about, where missing inputs are all that is wrong. */
function onlyMissing({ faults }: UserError): string[] {
  const missing = faults.filter((fault) => fault.code === 'missing_input');
  return missing.length < faults.length ? [] : [...new Set(missing.map((fault) => fault.field ?? ''))];
}

function inputHint(names: readonly string[]): string {
  return `The file leaves names open. Give them with ${names.map((name) => `--input ${name}=…`).join(' ')}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function readPipeline(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code ?? cause.message})`;
    throw new UserError('file_unreadable', `The file ${file} ${why}.`, { cause });
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError('not_json', `${file} is not JSON: ${reason}.`, { cause });
  }
}

/** `name=value` pairs as global inputs; a value that is JSON is taken as such, else as text. */
function addInputs(pipeline: unknown, inputs: readonly string[]): unknown {
  if (inputs.length === 0 || typeof pipeline !== 'object' || pipeline === null) return pipeline;
  const pairs = inputs.map((pair): [string, unknown] => {
    const equals = pair.indexOf('=');
    if (equals <= 0) throw new UserError('wrong_input', `--input takes name=value, not "${pair}".`);
    return [pair.slice(0, equals), parseValue(pair.slice(equals + 1))];
  });
  const { global_inputs: globals = {} } = pipeline as { global_inputs?: object };
  return { ...pipeline, global_inputs: { ...globals, ...Object.fromEntries(pairs) } };
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export async function status(id: string | undefined, context: CommandContext): Promise<number> {
  await using client = await openClient(context.config);
  if (id === undefined) {
    const { pipelines } = await client.get<{ pipelines: PipelineSummary[] }>('/api/pipelines');
    if (context.json) context.print(pipelines);
    else context.say(pipelines.length === 0 ? 'Nothing has been run yet.' : pipelineTable(pipelines));
    return exitCodes.succeeded;
  }
  const found = await client.get<PipelineStatus>(`/api/pipelines/${encodeURIComponent(id)}`);
  if (context.json) context.print(found);
  else context.say([describeStatus(found), resultTable(found.tasks)].filter(Boolean).join('\n\n'));
  return exitCodes.succeeded;
}

function pipelineTable(pipelines: readonly PipelineSummary[]): string {
  const rows = pipelines.map((row) => [row.pipeline_id, row.state, row.submitted_at, row.name ?? '']);
  return formatTable(['pipeline', 'state', 'submitted', 'name'], rows);
}

export async function tasks(name: string | undefined, context: CommandContext): Promise<number> {
  const { createTaskService } = await import('../services/tasks.ts');
  const { catalogue } = await import('../../tasks/index.ts');
  const service = createTaskService(catalogue);
  const found: TaskSummary[] | TaskInfo = name === undefined ? service.list(localUser) : service.info(localUser, name);
  if (context.json) context.print(found);
  else context.say(Array.isArray(found) ? taskTable(found) : taskLines(found));
  return exitCodes.succeeded;
}

function taskTable(list: readonly TaskSummary[]): string {
  return list.map((task) => `${task.name.padEnd(18)}${task.task_type.padEnd(14)}${task.summary}`).join('\n');
}

function taskLines({ name, task_type, summary, examples, input_schema }: TaskInfo): string {
  const properties = Object.entries((input_schema.properties ?? {}) as Record<string, { description?: string }>);
  const required = new Set(input_schema.required as string[] | undefined);
  const inputs = properties.map(
    ([input, { description = '' }]) =>
      `  ${input.padEnd(16)}${required.has(input) ? 'required  ' : '          '}${description}`,
  );
  return [
    `${name} (${task_type}): ${summary}`,
    '',
    'Inputs',
    ...inputs,
    '',
    'Examples',
    ...examples.map((text) => `  ${text}`),
  ].join('\n');
}
