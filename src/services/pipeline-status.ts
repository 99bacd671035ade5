import { z } from 'zod';
import { taskErrorSchema } from '../core/errors.ts';
import { estimateSchema } from '../core/estimate.ts';
import { environmentSchema, metricsSchema, usageSchema } from '../core/events.ts';

const pipelineStateSchema = z.enum(['running', 'succeeded', 'failed', 'cancelled']);
const taskStateSchema = z.enum(['waiting', 'running', 'succeeded', 'failed', 'skipped', 'cancelled']);

export const taskStatusSchema = z.object({
  task_id: z.string(),
  node_id: z.string(),
  task_name: z.string(),
  state: taskStateSchema,
  attempts: z.int().nonnegative(),
  seconds: z.number().optional(),
  progress: z
    .object({
      phase: z.string(),
      step: z.number(),
      total: z.number().nullable(),
      eta_seconds: z.number().nullable(),
      metrics: metricsSchema,
    })
    .optional(),
  outputs: z.record(z.string(), z.unknown()).optional(),
  error: taskErrorSchema.optional(),
  retry_at: z.string().optional().describe('When the next try starts, where one is waited for'),
  queue: z
    .object({ position: z.int(), waits_for: z.string() })
    .optional()
    .describe('Where it stands among those that wait for room, 1 being next, and what for'),
  reused_from: z
    .object({ pipeline_id: z.string(), task_id: z.string() })
    .optional()
    .describe("The run whose result stands for this one's"),
  estimate: estimateSchema.optional().describe('What was expected of it'),
  usage: usageSchema.optional().describe('What it took of the machine at most'),
  runner: z.string().optional().describe('How it runs or ran: in-process, venv, process or docker'),
  environment: environmentSchema.optional().describe('In what it runs or ran'),
  remedy: z
    .string()
    .optional()
    .describe('What to say in the chat so that a failed task goes on, such as `retry with batch size 4`'),
});
export type TaskStatus = z.infer<typeof taskStatusSchema>;

export const pipelineStatusSchema = z.object({
  pipeline_id: z.string(),
  name: z.string().nullable(),
  state: pipelineStateSchema,
  submitted_at: z.string(),
  tasks: z.array(taskStatusSchema),
});
export type PipelineStatus = z.infer<typeof pipelineStatusSchema>;

export const pipelineSummarySchema = z.object({
  pipeline_id: z.string(),
  user_id: z.string(),
  conversation_id: z.string().nullable(),
  name: z.string().nullable(),
  state: pipelineStateSchema,
  submitted_at: z.string(),
  finished_at: z.string().nullable(),
});

export const submittedSchema = z.object({ pipeline_id: z.string(), task_ids: z.array(z.string()) });
