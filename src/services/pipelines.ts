import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Caller } from '../core/caller.ts';
import { type CheckedPipeline, checkPipeline, isTooDeep } from '../core/check-pipeline.ts';
import { UserError } from '../core/errors.ts';
import type { Estimate } from '../core/estimate.ts';
import { type JsonValue, type NodeInputs, overrideInputs, pipelineSchema, withoutReuse } from '../core/pipeline.ts';
import type { Catalogue } from '../core/task.ts';
import type { Room } from '../executor/capacity.ts';
import type { Executor, SubmitRequest, Submitted } from '../executor/executor.ts';
import type { Journal, PipelineSummary } from '../executor/journal/journal.ts';
import type { PipelineRun, TaskRun } from '../executor/pipeline-run.ts';
import type { QueuePlace } from '../executor/ready-queue.ts';
import { compareRuns, type RunComparison } from './compare-runs.ts';
import type { PipelineStatus, TaskStatus } from './pipeline-status.ts';
import { remedyFor } from './remedy.ts';

/** Some of a caller's pipelines, the latest first. */
export interface PipelinePage {
  pipelines: PipelineSummary[];
  /** What to ask for the next ones with; null where these were the last. */
  next_cursor: string | null;
}

/** Whose pipelines an operation is about: every one sees those of its caller alone. */
type Owner = Pick<Caller, 'userId'>;

type SubmitOptions = Omit<SubmitRequest, 'userId' | 'admit'>;

/** Operations on pipelines, the same for every transport. An id is a pipeline's or one of its task runs'. */
export interface PipelineService {
  /** @throws UserError with every fault, or for what this machine cannot run. */
  submit(caller: Owner, pipeline: unknown, options?: SubmitOptions): Submitted;
  submitTask(caller: Owner, taskName: string, inputs: unknown, options?: SubmitOptions): Submitted;
  list(caller: Owner, page?: { limit?: number | undefined; cursor?: string | undefined }): PipelinePage;
  /** Of the latest pipeline when no id is given. @throws UserError `unknown_pipeline`. */
  status(caller: Owner, id?: string): PipelineStatus;
  cancel(caller: Owner, id?: string): PipelineStatus;
  /**
   * Goes on from what did not succeed. `inputs` are other values for it: each goes to the failed nodes that take
   * it, else to the nodes that wait. @throws UserError where none takes one, or for a value that does not fit.
   */
  retry(caller: Owner, id?: string, inputs?: Record<string, JsonValue>): PipelineStatus;
  /** The same pipeline as another one, with no result of an earlier run, and with other values where some are given. */
  runAfresh(caller: Owner, id?: string, inputs?: Record<string, JsonValue>): PipelineStatus;
  /** Two pipelines or more side by side; by default the caller's last two. */
  compare(caller: Owner, ids?: readonly string[]): RunComparison;
  /** The last lines of a task run's log; of a pipeline, of the node that failed or ran last. */
  logs(caller: Owner, id?: string): Promise<{ task_id: string; node_id: string; text: string }>;
}

export interface PipelineServiceOptions {
  catalogue: Catalogue;
  executor: Executor;
  journal: Journal;
  /** What each node is expected to take. @throws UserError where this machine cannot run the pipeline. */
  admit: (pipeline: CheckedPipeline, only?: ReadonlySet<string>) => Record<string, Estimate>;
  /** The full name of what people call a model or dataset: `llama-2-7b` → `meta-llama/Llama-2-7b`. */
  fullName: (kind: 'model' | 'dataset', written: string) => string | undefined;
}

const listLimit = 200;
const logTailBytes = 64 * 1024;

export function createPipelineService(options: PipelineServiceOptions): PipelineService {
  const { catalogue, executor, journal, admit, fullName } = options;

  /** What is not the caller's is as if it did not exist. */
  function runOf(id: string | undefined, { userId }: Owner): PipelineRun {
    const pipelineId = id === undefined ? latestOf(userId) : (journal.pipelineOfTask(id) ?? id);
    const summary = journal.pipeline(pipelineId);
    const run = summary?.user_id === userId ? executor.run(pipelineId) : undefined;
    if (run !== undefined) return run;
    throw new UserError('unknown_pipeline', `There is no pipeline or task run "${id}".`, {
      hint: 'trainyard status lists the pipelines there are.',
    });
  }

  function latestOf(userId: string): string {
    const [latest] = journal.pipelines({ userId, limit: 1 });
    if (latest !== undefined) return latest.pipeline_id;
    throw new UserError('no_pipelines', 'Nothing has been run yet.');
  }

  function lastTwoOf(userId: string): string[] {
    const rows = journal.pipelines({ userId, limit: 2 });
    return rows.map((row) => row.pipeline_id).toReversed();
  }

  return {
    submit({ userId }, pipeline, request) {
      const checked = checkPipeline(withFullNames(pipeline, fullName), catalogue);
      refuseReservedId(checked.pipeline.pipeline_id);
      return executor.submit(checked, { userId, ...request, admit: () => admit(checked) });
    },

    submitTask(caller, taskName, inputs, request) {
      const node = { node_id: taskName, task_name: taskName, inputs };
      return this.submit(caller, { name: taskName, nodes: [node] }, request);
    },

    list({ userId }, { limit = listLimit, cursor } = {}) {
      const most = Math.min(limit, listLimit);
      const found = journal.pipelines({ userId, limit: most + 1, ...(cursor !== undefined && { before: cursor }) });
      const pipelines = found.slice(0, most);
      return { pipelines, next_cursor: found.length > most ? (pipelines.at(-1)?.pipeline_id ?? null) : null };
    },

    status: (caller, id) => statusOf(runOf(id, caller), executor),

    cancel(caller, id) {
      const run = runOf(id, caller);
      executor.cancel(run.pipeline_id, caller.userId);
      return statusOf(run, executor);
    },

    retry(caller, id, inputs = {}) {
      const run = runOf(id, caller);
      const open = toBeRun(run);
      const others = inputsByNode(open, namesWrittenOut(inputs, fullName));
      const changed = others && checkPipeline(overrideInputs(run.checked.pipeline, others), catalogue);
      const names = new Set(open.map(({ node }) => node.node_id));
      executor.retry(run.pipeline_id, caller.userId, {
        ...(others && { inputs: others }),
        ...(changed && { estimates: admit(changed, names) }),
      });
      return statusOf(runOf(run.pipeline_id, caller), executor);
    },

    runAfresh(caller, id, inputs = {}) {
      const { checked, conversation_id: conversationId, tasks } = runOf(id, caller);
      const others = inputsByNode([...tasks.values()], namesWrittenOut(inputs, fullName)) ?? {};
      const { pipeline_id: _, ...pipeline } = overrideInputs(checked.pipeline, others);
      const submitted = this.submit(caller, withoutReuse(pipeline), { conversationId });
      return this.status(caller, submitted.pipeline_id);
    },

    compare(caller, ids) {
      const chosen = ids ?? lastTwoOf(caller.userId);
      if (chosen.length > 1) return compareRuns(chosen.map((id) => runOf(id, caller)));
      throw new UserError('nothing_to_compare', 'There are no two pipelines to compare yet.');
    },

    async logs(caller, id) {
      const run = runOf(id, caller);
      const task = [...run.tasks.values()].find(({ task_id }) => task_id === id) ?? mostTelling(run);
      if (task?.attemptId === undefined) throw new UserError('no_log', 'Nothing of it has started yet.');
      const text = await readTail(join(executor.attemptFolder(task.attemptId), 'log.txt'));
      return { task_id: task.task_id, node_id: task.node.node_id, text };
    },
  };
}

/** An address could not name it. */
function refuseReservedId(id: string | undefined): void {
  if (id === undefined || !/^(?:\.+|latest)$/.test(id)) return;
  throw new UserError('wrong_input', `A pipeline cannot be called "${id}".`, { hint: 'Choose another pipeline_id.' });
}

/** What of a pipeline a retry runs. */
function toBeRun({ tasks }: PipelineRun): TaskRun[] {
  return [...tasks.values()].filter(({ state }) => state !== 'succeeded');
}

function inputsByNode(tasks: readonly TaskRun[], inputs: Record<string, JsonValue>): NodeInputs | undefined {
  const byNode: NodeInputs = {};
  const empty = Object.keys(inputs).find((input) => inputs[input] === null);
  if (empty !== undefined) throw new UserError('wrong_input', `A retry needs a value for ${empty}, and null is none.`);
  for (const [input, value] of Object.entries(inputs)) {
    for (const { node } of takersOf(tasks, input)) byNode[node.node_id] = { ...byNode[node.node_id], [input]: value };
  }
  return Object.keys(byNode).length > 0 ? byNode : undefined;
}

/** The nodes that a retry may give another value of this input: what failed comes first. */
function takersOf(tasks: readonly TaskRun[], input: string): TaskRun[] {
  const takers = tasks.filter(({ node }) => node.task.inputFields.has(input) && !Object.hasOwn(node.sources, input));
  const failed = takers.filter(({ state }) => state === 'failed');
  if (takers.length > 0) return failed.length > 0 ? failed : takers;
  throw new UserError('no_such_input', `No step of it that is still to run takes ${input}.`, {
    hint: 'Steps that have succeeded keep what they ran with; start a new run to change them.',
  });
}

function namesWrittenOut(inputs: Record<string, JsonValue>, fullName: PipelineServiceOptions['fullName']) {
  const { model_name: model, dataset_path: dataset } = inputs;
  return {
    ...inputs,
    ...(typeof model === 'string' && { model_name: fullName('model', model) ?? model }),
    ...(typeof dataset === 'string' && { dataset_path: fullName('dataset', dataset) ?? dataset }),
  };
}

/** The pipeline with short names of models and datasets written out; what is no pipeline stays as it is. */
function withFullNames(written: unknown, fullName: PipelineServiceOptions['fullName']): unknown {
  if (isTooDeep(written)) return written;
  const parsed = pipelineSchema.safeParse(written);
  if (!parsed.success) return written;
  const write = (inputs: Record<string, JsonValue>) => namesWrittenOut(inputs, fullName);
  const { nodes, global_inputs } = parsed.data;
  return {
    ...parsed.data,
    nodes: nodes.map((node) => (node.inputs ? { ...node, inputs: write(node.inputs) } : node)),
    ...(global_inputs && { global_inputs: write(global_inputs) }),
  };
}

function statusOf(run: PipelineRun, executor: Executor): PipelineStatus {
  const places = run.state === 'running' ? executor.queue() : new Map<string, QueuePlace>();
  return {
    pipeline_id: run.pipeline_id,
    name: run.checked.pipeline.name ?? null,
    state: run.state,
    submitted_at: new Date(run.submittedAtMs).toISOString(),
    tasks: [...run.tasks.values()].map((task) => taskStatus(task, run.estimates, places)),
  };
}

function taskStatus(
  task: TaskRun,
  estimates: Record<string, Estimate>,
  places: ReadonlyMap<string, QueuePlace>,
): TaskStatus {
  const { task_id, node, state, attempts, seconds, progress, outputs, error, backoff, reusedFrom, usage } = task;
  const { runner, environment } = task;
  const remedy = remedyFor(task);
  const place = places.get(task_id);
  const estimate = estimates[node.node_id];
  return {
    task_id,
    node_id: node.node_id,
    task_name: node.task.name,
    state,
    attempts,
    ...(seconds !== undefined && { seconds }),
    ...(progress !== undefined && { progress }),
    ...(state === 'succeeded' && { outputs }),
    ...(error !== undefined && { error }),
    ...(backoff !== undefined && { retry_at: new Date(backoff.sinceMs + backoff.delayMs).toISOString() }),
    ...(place !== undefined && { queue: { position: place.position, waits_for: describeRoom(place.waitsFor) } }),
    ...(reusedFrom !== undefined && { reused_from: reusedFrom }),
    ...(estimate !== undefined && { estimate }),
    ...(usage !== undefined && { usage }),
    ...(runner !== undefined && { runner }),
    ...(environment !== undefined && { environment }),
    ...(remedy !== undefined && { remedy }),
  };
}

/** What a task run waits for, in words. */
function describeRoom(room: Room | undefined): string {
  if (room === undefined) return 'its turn';
  if (room === 'GPU') return 'a free GPU';
  if (room === 'memory') return 'free memory';
  if (room.startsWith('user ')) return 'your own tasks that run';
  if (room.startsWith('task ')) return `its turn among ${room.slice('task '.length)} tasks`;
  return 'a free place on this machine';
}

function mostTelling(run: PipelineRun): TaskRun | undefined {
  const started = [...run.tasks.values()].filter((task) => task.attemptId !== undefined);
  const failed = started.find((task) => task.state === 'failed');
  return failed ?? started.toSorted((a, b) => (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0))[0];
}

async function readTail(path: string): Promise<string> {
  // The task may have put something else in its place: a link is not followed, nor is a FIFO waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const info = await file.stat();
    if (!info.isFile()) return '';
    const { size } = info;
    const start = Math.max(0, size - logTailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(logTailBytes), 0, logTailBytes, start);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
