import { z } from 'zod';
import type { Caller } from '../core/caller.ts';
import { UserError } from '../core/errors.ts';
import type { JsonValue } from '../core/pipeline.ts';
import { type Catalogue, taskTypeSchema } from '../core/task.ts';
import type { RunComparison } from './compare-runs.ts';
import { describeTaken } from './estimate-words.ts';
import type { PipelineStatus, TaskStatus } from './pipeline-status.ts';
import type { PipelineService } from './pipelines.ts';
import type { TaskService } from './tasks.ts';
import { formatTable } from './text-table.ts';

/** What a managerial task answers: data for programs, and words for people. */
export interface ActionResult {
  data: z.infer<ReturnType<typeof z.json>>;
  text: string;
}

type Owner = Pick<Caller, 'userId'>;

/** Carries out a managerial task by name. @throws UserError for wrong arguments. */
export type Act = (name: string, args: unknown, caller: Owner) => Promise<ActionResult>;

type Handler = (args: Record<string, unknown>, caller: Owner) => ActionResult | Promise<ActionResult>;

export function createActions(catalogue: Catalogue, tasks: TaskService, pipelines: PipelineService): Act {
  const idOf = (args: Record<string, unknown>) => z.string().optional().parse(args.id);
  const handlers: Record<string, Handler> = {
    list_tasks: ({ filter_type }, caller) => {
      const list = tasks.list(caller, taskTypeSchema.optional().parse(filter_type));
      return answer(list, list.map((task) => `${task.name} (${task.task_type}): ${task.summary}.`).join('\n'));
    },
    get_task_info: ({ task_name }, caller) => {
      const info = tasks.info(caller, String(task_name));
      return answer(info, `${info.name}: ${info.summary}.\n${inputLines(catalogue, info.name)}`);
    },
    submit_task: ({ task_name, inputs }, caller) => {
      const submitted = pipelines.submitTask(caller, String(task_name), inputs);
      return answer(submitted, `Submitted as ${submitted.pipeline_id}.`);
    },
    submit_pipeline: ({ pipeline }, caller) => {
      const submitted = pipelines.submit(caller, pipeline);
      return answer(submitted, `Submitted as ${submitted.pipeline_id}.`);
    },
    get_status: (args, caller) => {
      const status = pipelines.status(caller, idOf(args));
      return answer(status, describeStatus(status));
    },
    get_logs: async (args, caller) => {
      const log = await pipelines.logs(caller, idOf(args));
      return answer(log, log.text === '' ? `${log.node_id} has written nothing to its log.` : log.text);
    },
    cancel: (args, caller) => {
      const status = pipelines.cancel(caller, idOf(args));
      const over = status.state !== 'running';
      return answer(status, over ? `${status.pipeline_id} was over already.` : `Stopping ${status.pipeline_id}.`);
    },
    retry: (args, caller) => {
      const inputs = z.record(z.string(), z.json()).optional().parse(args.inputs);
      if (args.fresh === true) {
        const status = pipelines.runAfresh(caller, idOf(args), inputs);
        return answer(status, `Every step runs anew, as ${status.pipeline_id}.`);
      }
      const status = pipelines.retry(caller, idOf(args), inputs);
      return answer(status, `${status.pipeline_id} goes on from what did not succeed.`);
    },
    compare_runs: (args, caller) => {
      const ids = z.array(z.string()).optional().parse(args.ids);
      const comparison = pipelines.compare(caller, ids);
      return answer(comparison, describeComparison(comparison));
    },
  };

  return async (name, args, caller) => {
    const handler = handlers[name];
    const task = catalogue.get(name);
    if (handler === undefined || task === undefined) {
      throw new UserError('not_available', `${name} cannot be done from here yet.`);
    }
    const parsed = task.input.safeParse(args);
    if (!parsed.success) throw new UserError('wrong_input', `${name}: ${z.prettifyError(parsed.error)}`);
    return handler(parsed.data, caller);
  };
}

/** Services return plain data; as JSON it is what every transport sends. */
function answer(data: object, text: string): ActionResult {
  return { data: JSON.parse(JSON.stringify(data)), text };
}

function inputLines(catalogue: Catalogue, name: string): string {
  const fields = [...(catalogue.get(name)?.inputFields.values() ?? [])];
  return fields
    .map((field) => {
      const need = field.required ? 'required' : field.default === undefined ? 'optional' : `default ${field.default}`;
      return `  ${field.name} (${need}): ${field.description}`;
    })
    .join('\n');
}

export function describeStatus(status: PipelineStatus): string {
  const lines = status.tasks.map((task) => {
    const { progress } = task;
    if (task.error !== undefined) return `  ${task.node_id}: ${task.state}${describeFailure(task)}`;
    if (task.state === 'running' && progress?.total) {
      return `  ${task.node_id}: running, ${Math.round((100 * progress.step) / progress.total)} %`;
    }
    if (task.reused_from !== undefined) return `  ${task.node_id}: reused from ${task.reused_from.pipeline_id}`;
    if (task.queue !== undefined) return `  ${task.node_id}: ${describeQueue(task.queue)}`;
    const taken = describeTaken(task, task.estimate);
    return `  ${task.node_id}: ${task.state}${taken && ` ${taken}`}${describePlace(task)}`;
  });
  return [`${status.pipeline_id}: ${status.state}`, ...lines].join('\n');
}

/** In what it ran, where that is more than this process. */
function describePlace({ runner, environment }: TaskStatus): string {
  if (environment === undefined) return '';
  const { image, version } = environment;
  return image === undefined
    ? `, in ${runner} ${version}`
    : `, in ${runner} image ${image.slice('sha256:'.length, 19)}`;
}

/** Where it stands among those that wait for the same room. */
export function describeQueue({ position, waits_for }: NonNullable<TaskStatus['queue']>): string {
  return `waits for ${waits_for}, number ${position} in the queue`;
}

/** Where it stopped, why, and what to do about it. */
function describeFailure({ progress, error, remedy }: TaskStatus): string {
  const of = progress?.total ? ` of ${progress.total}` : '';
  const where = progress?.step ? ` at step ${progress.step}${of}` : '';
  const say = remedy === undefined ? '' : ` Say "${remedy}".`;
  return `${where}. ${error?.message ?? ''} ${error?.hint ?? ''}${say}`.trimEnd();
}

function describeComparison({ pipeline_ids, inputs, metrics }: RunComparison): string {
  const row = ({ node_id, name, values }: RunComparison['inputs'][number]) => [
    `${node_id}.${name}`,
    ...values.map((value) => (value === null ? '–' : formatValue(value))),
  ];
  if (inputs.length + metrics.length === 0) return 'They have the same inputs, and nothing has been measured yet.';
  const rows = [...inputs, ...metrics].map(row);
  return formatTable(['', ...pipeline_ids], rows);
}

function formatValue(value: JsonValue): string {
  if (typeof value === 'number') return String(Number(value.toPrecision(4)));
  return typeof value === 'string' ? value : JSON.stringify(value);
}
