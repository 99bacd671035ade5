import { z } from 'zod';
import { isTooDeep } from '../core/check-pipeline.ts';
import { UserError } from '../core/errors.ts';
import type { EventOf, Frame } from '../core/events.ts';
import type { Reply } from '../core/reply.ts';
import { taskTypes } from '../core/task.ts';
import type { PipelineStatus, TaskStatus } from '../services/pipeline-status.ts';
import type { TaskInfo } from '../services/tasks.ts';

const longestId = 200;
/** Empty, as protobuf has what is not set, stands for the latest. */
const optionalId = z.string().transform((id) => (id === '' ? undefined : id));
const neededId = z.string().min(1, 'an id is needed');
const inputs = z.string().transform((text, context) => jsonIn(text === '' ? '{}' : text, context));
const inputValues = inputs.pipe(z.record(z.string(), z.json()));

/** What clients send, as `trainyard.proto` has it. What else it has is ignored, such as `user_id`. */
export const requests = {
  listTasks: z.object({
    filter_type: z
      .enum(['TASK_TYPE_UNSPECIFIED', ...taskTypes])
      .optional()
      .transform((type) => (type === 'TASK_TYPE_UNSPECIFIED' ? undefined : type)),
  }),
  taskInfo: z.object({ name: z.string() }),
  task: z.object({ task_name: z.string(), inputs_json: inputs }),
  pipeline: z.object({ pipeline_json: z.string().transform(jsonIn) }),
  ofLatest: z.object({ id: optionalId }),
  watch: z.object({ id: optionalId, after: z.int().nonnegative() }),
  cancel: z.object({ id: neededId }),
  retry: z.object({ id: neededId, inputs_json: inputValues, fresh: z.boolean() }),
  message: z.object({
    conversation_id: z.string().min(1, 'it is needed').max(longestId),
    text: z.string(),
    message_id: z.string().max(longestId),
  }),
};

/** @throws UserError `wrong_input` with what is wrong. */
export function parseRequest<T>(schema: z.ZodType<T>, request: unknown): T {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  throw new UserError('wrong_input', `The request is wrong: ${z.prettifyError(parsed.error)}`);
}

function jsonIn(text: string, context: z.RefinementCtx): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (!isTooDeep(value)) return value;
    context.addIssue({ code: 'custom', message: 'it is nested too deeply' });
  } catch {
    context.addIssue({ code: 'custom', message: 'it is not JSON' });
  }
  return z.NEVER;
}

export function taskInfo({ input_schema, output_schema, exactly_one_of, ...task }: TaskInfo): object {
  return {
    ...task,
    input_schema_json: JSON.stringify(input_schema),
    output_schema_json: JSON.stringify(output_schema),
    exactly_one_of: exactly_one_of.map((pair) => ({ inputs: pair })),
  };
}

export function pipelineStatus({ pipeline_id, name, state, submitted_at, tasks }: PipelineStatus): object {
  return { pipeline_id, name: name ?? '', status: statusName(state), submitted_at, tasks: tasks.map(taskStatus) };
}

function taskStatus(task: TaskStatus): object {
  const { task_id, node_id, task_name, state, attempts, seconds, outputs, error } = task;
  return {
    task_id,
    node_id,
    task_name,
    status: statusName(state),
    attempts,
    seconds,
    outputs_json: outputs && JSON.stringify(outputs),
    error,
    details_json: JSON.stringify(task),
  };
}

/** The name in `TaskStatusEnum`. */
export function statusName(state: TaskStatus['state'] | PipelineStatus['state']): string {
  return state.toUpperCase();
}

export function frameMessage(frame: Frame): object {
  const { seq, time, type, pipeline_id, task_id, node_id } = frame as Frame & Partial<EventOf<'task_started'>>;
  return { seq, time, type, pipeline_id, task_id, node_id, frame_json: JSON.stringify(frame) };
}

export function messageReply(reply: Reply): object {
  return { kind: reply.kind, text: reply.text, reply_json: JSON.stringify(reply) };
}
