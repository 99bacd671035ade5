import { formatBytes, formatSeconds } from '../core/format.ts';
import type { Pipeline } from '../core/pipeline.ts';
import { runtimeDirectory } from '../isolation.ts';
import { ensurePythonEnvironment } from '../runners/python-environment.ts';
import type { PipelineStatus } from '../services/pipeline-status.ts';
import { formatTable } from '../services/text-table.ts';
import { type Client, openClient } from './client.ts';
import { converse } from './commands.ts';
import { type CommandContext, exitCodeOf, exitCodes } from './context.ts';
import { followPipeline } from './follow.ts';
import { ensureImage } from './image.ts';

const sentence = 'Finetune tiny-llama on squad-mini, then quantize and evaluate';
const baseModel = 'builtin:tiny-llama';

/** From a sentence to a finetuned, quantized and evaluated model, through the same door as a chat. */
export async function demo(context: CommandContext): Promise<number> {
  const { config, say } = context;
  await prepare(context);
  await using client = await openClient(config);
  say(`Trainyard listens on ${client.url}\n\n> ${sentence}\n`);
  const { reply, status } = await converse(client, sentence, context);
  if (status === undefined || status.state !== 'succeeded') {
    return status === undefined ? exitCodes.failed : exitCodeOf(status, context);
  }
  say('For comparison, the same evaluation of the model before and after finetuning:\n');
  const compared = await compare(client, status, context);
  if (compared.state !== 'succeeded') return exitCodeOf(compared, context);
  const results = [...measured(compared, 'evaluate_base', baseModel), ...rowsOf(status, compared)];
  say(formatTable(['model', 'exact match', 'F1', 'size', 'made in'], results));
  if (context.json) context.print({ reply, status, compared });
  say('\n`npm start` opens the chat page; `npm run -s trainyard -- --help` shows the rest.');
  return exitCodes.succeeded;
}

/** Makes what tasks run in, where it is not there yet. */
async function prepare(context: CommandContext): Promise<void> {
  const { config, say, signal } = context;
  if (config.isolation === 'docker') return ensureImage(context);
  if (config.isolation === 'process') return;
  say('Preparing the Python environment (once; about 1.5 GB) …');
  await ensurePythonEnvironment({
    stateDir: config.home,
    runtimeDir: runtimeDirectory,
    env: config.toolEnvironment,
    onProgress: (text) => say(`  ${text}`),
    signal,
  });
}

function outputOf(status: PipelineStatus, nodeId: string, name: string): unknown {
  return status.tasks.find((task) => task.node_id === nodeId)?.outputs?.[name];
}

async function compare(client: Client, status: PipelineStatus, context: CommandContext): Promise<PipelineStatus> {
  const dataset_id = String(outputOf(status, 'load_dataset', 'dataset_id'));
  const model_id = String(outputOf(status, 'finetune', 'model_id'));
  const pipeline: Pipeline = {
    name: 'Before and after finetuning',
    global_inputs: { dataset_id },
    nodes: [
      { node_id: 'evaluate_base', task_name: 'evaluate', inputs: { model_name: baseModel } },
      { node_id: 'evaluate_finetuned', task_name: 'evaluate', inputs: { model_id } },
    ],
  };
  const { pipeline_id } = await client.post<{ pipeline_id: string }>('/api/pipelines', pipeline);
  return followPipeline(client, pipeline_id, pipeline, context);
}

function rowsOf(status: PipelineStatus, compared: PipelineStatus): string[][] {
  return [
    ...measured(compared, 'evaluate_finetuned', 'finetuned', secondsOf(status, 'finetune')),
    ...measured(status, 'evaluate', 'quantized to int8', secondsOf(status, 'ptq')),
  ];
}

function secondsOf(status: PipelineStatus, nodeId: string): number | undefined {
  return status.tasks.find((task) => task.node_id === nodeId)?.seconds;
}

function measured(status: PipelineStatus, nodeId: string, name: string, seconds?: number): string[][] {
  const metrics = (outputOf(status, nodeId, 'metrics') ?? {}) as Record<string, unknown>;
  const figure = (key: string, format: (value: number) => string) =>
    typeof metrics[key] === 'number' ? format(metrics[key]) : '';
  const score = (value: number) => value.toFixed(1);
  const time = seconds === undefined ? '' : formatSeconds(seconds);
  return [[name, figure('exact_match', score), figure('f1', score), figure('model_bytes', formatBytes), time]];
}
