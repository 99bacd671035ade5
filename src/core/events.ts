import { z } from 'zod';
import { taskErrorSchema } from './errors.ts';
import { estimateSchema } from './estimate.ts';
import { nodeInputsSchema, pipelineSchema } from './pipeline.ts';
import { replySchema } from './reply.ts';
import { resourceSchema } from './resource.ts';

/** A finite number by name; what could not be measured is null. */
export const metricsSchema = z.record(z.string(), z.json());

const taskProgressSchema = z.object({
  type: z.literal('task_progress'),
  phase: z.string(),
  step: z.number(),
  total: z.number().nullable(),
  /** Seconds left, null until it can be told. */
  eta_seconds: z.number().nullable(),
  metrics: metricsSchema.default({}),
});

const ofPipeline = z.object({ pipeline_id: z.string(), conversation_id: z.string().optional() });
const ofTask = ofPipeline.extend({ task_id: z.string(), node_id: z.string() });
const ofAttempt = ofTask.extend({
  attempt_id: z.string(),
  /** Bytes of the attempt's `events.jsonl` read so far: where a restarted server reads on. */
  offset: z.number().int().nonnegative().optional(),
});

/** What a task's code and packages are at, so that a run can be told from one with others. */
export const environmentSchema = z.object({
  /** Of the image or the Python environment, made from what it holds. */
  version: z.string(),
  /** Digest of the image, `sha256:…`; absent without a container. */
  image: z.string().optional(),
});
export type TaskEnvironment = z.infer<typeof environmentSchema>;

/** What a run took of the machine at most; what was not measured is absent. */
export const usageSchema = z.object({
  peak_memory_mib: z.number().nonnegative().optional(),
  peak_gpu_memory_mib: z.number().nonnegative().optional(),
});
export type Usage = z.infer<typeof usageSchema>;

export const eventSchema = z.discriminatedUnion('type', [
  ofPipeline.extend({
    type: z.literal('pipeline_submitted'),
    user_id: z.string(),
    pipeline: pipelineSchema,
    /** The task run of each node, by node id. */
    task_ids: z.record(z.string(), z.string()),
    /** What was expected of each node, by node id. */
    estimates: z.record(z.string(), estimateSchema).optional(),
  }),
  ofAttempt.extend({
    type: z.literal('task_started'),
    task_name: z.string(),
    attempt: z.number().int().positive(),
    runner: z.string(),
    inputs: z.record(z.string(), z.unknown()),
    /** GPUs that this attempt alone may use, by device id. */
    gpus: z.array(z.string()).optional(),
    /** Stands for task, version, inputs and their content, where the result may be reused. */
    reuse_key: z.string().optional(),
  }),
  /** Where the attempt runs: what its code and packages are, and in which container. */
  ofAttempt.extend({
    type: z.literal('task_placed'),
    environment: environmentSchema,
    container: z.string().optional(),
  }),
  ofAttempt.extend(taskProgressSchema.shape),
  ofAttempt.extend({
    type: z.literal('task_message'),
    level: z.enum(['info', 'warning']),
    text: z.string(),
  }),
  ofAttempt.extend({
    type: z.literal('task_succeeded'),
    outputs: z.record(z.string(), z.unknown()),
    /** What came into being, by the output's name. */
    resources: z.record(z.string(), resourceSchema),
    seconds: z.number(),
    usage: usageSchema.optional(),
  }),
  /** Not run again: an equal run has finished before, and its result stands for this one. */
  ofTask.extend({
    type: z.literal('task_reused'),
    task_name: z.string(),
    inputs: z.record(z.string(), z.unknown()),
    outputs: z.record(z.string(), z.unknown()),
    /** The run whose result it is. */
    original: z.object({ pipeline_id: z.string(), task_id: z.string() }),
    /** What that run took. */
    seconds: z.number(),
  }),
  /** This attempt is lost and another one follows, not before `retry_at`. */
  ofAttempt.extend({ type: z.literal('attempt_failed'), error: taskErrorSchema, retry_at: z.string() }),
  ofTask.extend({ type: z.literal('task_failed'), error: taskErrorSchema, seconds: z.number() }),
  /** Not run because a node it depends on did not succeed. */
  ofTask.extend({ type: z.literal('task_skipped'), because: z.string() }),
  ofTask.extend({ type: z.literal('task_cancelled') }),
  ofPipeline.extend({ type: z.literal('pipeline_cancel_requested'), user_id: z.string() }),
  /** Failed, skipped and cancelled nodes wait again, some with other inputs; finished ones stay finished. */
  ofPipeline.extend({
    type: z.literal('pipeline_retried'),
    user_id: z.string(),
    inputs: nodeInputsSchema.optional(),
    /** What is expected with them, by node id. */
    estimates: z.record(z.string(), estimateSchema).optional(),
  }),
  ofPipeline.extend({
    type: z.literal('pipeline_finished'),
    state: z.enum(['succeeded', 'failed', 'cancelled']),
    seconds: z.number(),
  }),
  /** A user has uploaded what became this resource, under this name. */
  z.object({ type: z.literal('resource_uploaded'), user_id: z.string(), name: z.string(), resource: resourceSchema }),
  /** A user has it no more; others who have equal files keep theirs. */
  z.object({ type: z.literal('resource_removed'), user_id: z.string(), resource_id: z.string() }),
  z.object({
    type: z.literal('message_received'),
    conversation_id: z.string(),
    user_id: z.string(),
    /** The client's own name for the message; its reply bears it, too. */
    message_id: z.string().optional(),
    text: z.string(),
  }),
  z.object({
    type: z.literal('reply_sent'),
    conversation_id: z.string(),
    user_id: z.string(),
    message_id: z.string().optional(),
    reply: replySchema,
  }),
]);

/** One thing that happened. */
export type TrainyardEvent = z.infer<typeof eventSchema>;
export type EventOf<Type extends TrainyardEvent['type']> = Extract<TrainyardEvent, { type: Type }>;

/** A row of the journal, and the frame that a WebSocket sends: an event with its place and time. */
export type Frame = TrainyardEvent & { seq: number; time: string };
