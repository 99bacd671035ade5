import { z } from 'zod';
import { estimateSchema } from './estimate.ts';
import { pipelineSchema } from './pipeline.ts';

/** One thing a question asks for, ready to be drawn as a form field. */
export const questionFieldSchema = z.object({
  node_id: z.string(),
  input: z.string(),
  label: z.string(),
  description: z.string().optional(),
  options: z.array(z.object({ value: z.string(), label: z.string() })).optional(),
  default: z.json().optional(),
});
export type QuestionField = z.infer<typeof questionFieldSchema>;

const common = {
  text: z.string(),
  /** Which engine understood the message: `offline`, or `openai:<model>`. */
  engine: z.string(),
  warnings: z.array(z.string()),
};

/** What each node is expected to take, by node id. */
const estimates = z.record(z.string(), estimateSchema).optional();

/** What the agent answers to one message, the same for every transport. */
export const replySchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('submitted'),
    ...common,
    pipeline_id: z.string(),
    task_ids: z.array(z.string()),
    pipeline: pipelineSchema,
    estimates,
  }),
  z.object({
    kind: z.literal('plan'),
    ...common,
    pipeline: pipelineSchema,
    estimates,
    /** It starts as soon as the user says so. */
    awaits_approval: z.boolean().optional(),
  }),
  z.object({
    kind: z.literal('question'),
    ...common,
    question: z.object({ id: z.string(), fields: z.array(questionFieldSchema).min(1) }),
  }),
  z.object({
    kind: z.literal('action'),
    ...common,
    action: z.object({ name: z.string(), args: z.record(z.string(), z.json()) }),
    data: z.json().optional(),
  }),
  z.object({ kind: z.literal('answer'), ...common }),
  z.object({ kind: z.literal('refused'), ...common }),
]);
export type Reply = z.infer<typeof replySchema>;
