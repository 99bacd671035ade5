import { UserError } from '../core/errors.ts';
import type { Submitted } from '../executor/executor.ts';
import type { UserServices } from '../services/access.ts';
import type { Call, Method } from './grpc-door.ts';
import {
  frameMessage,
  messageReply,
  parseRequest,
  pipelineStatus,
  requests,
  statusName,
  taskInfo,
} from './grpc-messages.ts';

type Pipelines = UserServices['pipelines'];

/**
 * Every RPC of `trainyard.proto`. Each translates to one operation of a service, as the caller has it, and reaches for
 * that first: who may not have it is told so, whatever else is wrong.
 */
export const methods: Record<string, Method> = {
  ListTasks: ({ tasks }, request) => ({ tasks: tasks.list(parseRequest(requests.listTasks, request).filter_type) }),

  GetTaskInfo: ({ tasks }, request) => taskInfo(tasks.info(parseRequest(requests.taskInfo, request).name)),

  SubmitTask({ pipelines }, request, call) {
    const { submitTask } = pipelines;
    const { task_name, inputs_json } = parseRequest(requests.task, request);
    return submitted(pipelines, submitTask(task_name, inputs_json, keyOf(call)));
  },

  SubmitPipeline({ pipelines }, request, call) {
    const { submit } = pipelines;
    const { pipeline_json } = parseRequest(requests.pipeline, request);
    return submitted(pipelines, submit(pipeline_json, keyOf(call)));
  },

  GetStatus: ({ pipelines }, request) => pipelineStatus(pipelines.status(parseRequest(requests.ofLatest, request).id)),

  WatchStatus: watchStatus,

  CancelPipeline: ({ pipelines }, request) =>
    pipelineStatus(pipelines.cancel(parseRequest(requests.cancel, request).id)),

  RetryPipeline({ pipelines }, request) {
    const { retry, runAfresh } = pipelines;
    const { id, inputs_json, fresh } = parseRequest(requests.retry, request);
    return pipelineStatus((fresh ? runAfresh : retry)(id, inputs_json));
  },

  GetLogs: ({ pipelines }, request) => pipelines.logs(parseRequest(requests.ofLatest, request).id),

  async ProcessMessage({ conversations }, request) {
    const { send } = conversations;
    const { conversation_id, text, message_id } = parseRequest(requests.message, request);
    const options = { messageId: message_id === '' ? undefined : message_id };
    return messageReply(await send(conversation_id, text, options));
  },

  UploadArtifact: notYet,
  DownloadArtifact: notYet,
};

function keyOf({ header }: Call): { idempotencyKey: string | undefined } {
  return { idempotencyKey: header('idempotency-key') };
}

function submitted(pipelines: Pipelines, { pipeline_id, task_ids }: Submitted): object {
  return { pipeline_id, task_ids, status: stateOf(pipelines, pipeline_id) };
}

/** Credentials may allow to submit and not to look: then it is not said. */
function stateOf(pipelines: Pipelines, pipelineId: string): string {
  try {
    return statusName(pipelines.status(pipelineId).state);
  } catch (error) {
    if (error instanceof UserError && error.code === 'forbidden') return 'TASK_STATUS_UNSPECIFIED';
    throw error;
  }
}

/** One that was retried has finished before: what counts is how it stands after all that there is to send. */
async function watchStatus(
  { pipelines, feed }: UserServices,
  request: unknown,
  { signal, send }: Call,
): Promise<undefined> {
  const { follow } = feed;
  const { id, after } = parseRequest(requests.watch, request);
  const { pipeline_id: pipelineId, state } = pipelines.status(id);
  let isOver = state !== 'running';
  const end = new AbortController();
  await follow({
    after,
    pipelineId,
    signal: AbortSignal.any([signal, end.signal]),
    send(frame) {
      if (frame.type === 'pipeline_finished') isOver = true;
      if (frame.type === 'pipeline_retried') isOver = false;
      return send(frameMessage(frame));
    },
    caughtUp() {
      if (isOver) end.abort();
    },
  });
}

function notYet(): never {
  throw new UserError('not_implemented', 'Artifacts are not served over gRPC yet.');
}
