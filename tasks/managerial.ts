import { z } from 'zod';
import { pipelineSchema } from '../src/core/pipeline.ts';
import { defineTask, type Task, taskTypeSchema } from '../src/core/task.ts';

const id = z.string().min(1).max(200).describe('Id of a pipeline or of a task run; the latest one by default');
const nothing = z.object({});

function manage(name: string, summary: string, examples: readonly string[], input: z.ZodObject): Task {
  return defineTask({
    name,
    type: 'MANAGERIAL',
    summary,
    examples,
    input,
    output: nothing,
    work: { where: 'service' },
  });
}

/** Administration: carried out by the services, from the chat and from every transport alike. */
export const managerialTasks: readonly Task[] = [
  manage(
    'list_tasks',
    'List the tasks that exist',
    ['what tasks are there?', 'list the macrotasks'],
    z.strictObject({ filter_type: taskTypeSchema.optional().describe('Only tasks of this type') }),
  ),
  manage(
    'get_task_info',
    'Describe a task with its inputs and outputs',
    ['what inputs does finetune take?', 'describe ptq'],
    z.strictObject({ task_name: z.string().describe('Name of the task') }),
  ),
  manage(
    'submit_task',
    'Run a single task',
    ['run load_dataset with dataset_path=builtin:squad-mini'],
    z.strictObject({
      task_name: z.string().describe('Name of the task'),
      inputs: z.record(z.string(), z.json()).default({}).describe('Its inputs by name'),
    }),
  ),
  manage(
    'submit_pipeline',
    'Run a pipeline given as JSON',
    ['submit this pipeline'],
    z.strictObject({ pipeline: pipelineSchema.describe('The pipeline') }),
  ),
  manage(
    'get_status',
    'Tell how a pipeline or a task run stands',
    ["what's the status of pipeline_abc123?", 'how is my run going?'],
    z.strictObject({ id: id.optional() }),
  ),
  manage(
    'get_logs',
    'Show the log of a task run',
    ['show me the logs of task_abc123', 'what does the log say?'],
    z.strictObject({ id: id.optional() }),
  ),
  manage(
    'cancel',
    'Stop a pipeline or a task run',
    ['cancel pipeline_abc123', 'stop the run'],
    z.strictObject({ id: id.optional() }),
  ),
  manage(
    'retry',
    'Go on from the failed nodes of a pipeline, or run all of it anew',
    ['retry pipeline_abc123', 'retry with batch size 4', 'run it again from scratch'],
    z.strictObject({
      id: id.optional(),
      inputs: z
        .record(z.string(), z.json())
        .optional()
        .describe('Other values for inputs of what has not succeeded, such as a smaller batch_size'),
      fresh: z
        .boolean()
        .optional()
        .describe('Run every step anew as another pipeline, with no result of an earlier run'),
    }),
  ),
  manage(
    'compare_runs',
    'Compare pipelines: the inputs in which they differ, and their metrics',
    ['compare the last two runs', 'compare pipeline_abc123 and pipeline_def456'],
    z.strictObject({
      ids: z
        .array(z.string().min(1).max(200))
        .min(2)
        .max(20)
        .optional()
        .describe('Ids of the pipelines; the last two by default'),
    }),
  ),
  manage(
    'upload_artifact',
    'Store a local file as an artifact',
    ['upload ./data/train.jsonl'],
    z.strictObject({ path: z.string().describe('The file') }),
  ),
  manage(
    'download_artifact',
    'Fetch the files of a resource',
    ['download model_1f3a'],
    z.strictObject({ id: z.string().describe('Id of a resource, such as model_1f3a') }),
  ),
];
