import type { Pipeline, PipelineNode } from '../core/pipeline.ts';
import type { Reply } from '../core/reply.ts';
import type { PipelineStatus, TaskStatus } from '../services/pipelines.ts';
import { formatTable } from '../services/text-table.ts';
import { formatBytes, formatSeconds } from './format.ts';

/** A plan as lines, each node with what it was given and what it waits for. */
export function planLines(pipeline: Pipeline): string {
  const rows = pipeline.nodes.map((node) => [node.node_id, node.task_name, given(node), waitsFor(pipeline, node)]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}

function given({ inputs = {} }: PipelineNode): string {
  const parts = Object.entries(inputs).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return name === 'dataset_path' || name === 'model_name' || name === 'config_path' ? text : `${name} ${text}`;
  });
  return parts.join(', ');
}

function waitsFor(pipeline: Pipeline, node: PipelineNode): string {
  const mapped = Object.keys(node.input_mappings ?? {}).map((key) => key.slice(0, key.lastIndexOf('.')));
  const edges = (pipeline.edges ?? []).filter((edge) => edge.to === node.node_id).map((edge) => edge.from);
  const sources = [...new Set([...mapped, ...edges])];
  return sources.length === 0 ? '' : `← ${sources.join(', ')}`;
}

/** What a reply says, with its plan or its question's choices. */
export function replyLines(reply: Reply): string {
  const warnings = reply.warnings.map((warning) => `  Note: ${warning}`);
  switch (reply.kind) {
    case 'plan':
    case 'submitted':
      return [reply.text, ...warnings, planLines(reply.pipeline)].join('\n');
    case 'question':
      return [reply.text, ...warnings, ...reply.question.fields.map(fieldLine)].join('\n');
    case 'action':
    case 'answer':
    case 'refused':
      return [reply.text, ...warnings].join('\n');
  }
}

type Field = (Reply & { kind: 'question' })['question']['fields'][number];

function fieldLine({ label, options }: Field): string {
  const choices = (options ?? []).map((option) => option.label);
  return choices.length === 0 ? `  ${label}` : `  ${label}: ${choices.join(', ')}, …`;
}

/** The results of a finished pipeline: what each node measured, then what failed and what to do about it. */
export function resultLines({ pipeline_id, tasks }: PipelineStatus): string {
  const failures = tasks.filter((task) => task.state === 'failed').map((task) => failureLine(task, pipeline_id));
  return [resultTable(tasks), ...failures].filter((part) => part !== '').join('\n\n');
}

function failureLine({ node_id, error, remedy }: TaskStatus, pipelineId: string): string {
  const sentence = remedy?.replace(/^retry/, `retry ${pipelineId}`);
  const toGoOn = sentence === undefined ? '' : `To go on: trainyard run "${sentence}"`;
  const lines = [`${node_id} failed: ${error?.message ?? 'no cause is known.'}`, error?.hint ?? '', toGoOn];
  return lines.filter((line) => line !== '').join('\n');
}

/** What each node measured. */
export function resultTable(tasks: readonly TaskStatus[]): string {
  const rows = tasks
    .filter((task) => task.state === 'succeeded')
    .map((task) => [task.node_id, task.seconds === undefined ? '' : formatSeconds(task.seconds), figures(task)]);
  return rows.length === 0 ? '' : formatTable(['node', 'time', 'result'], rows);
}

const shown: Record<string, (value: number) => string> = {
  exact_match: (value) => `exact match ${value.toFixed(1)}`,
  f1: (value) => `F1 ${value.toFixed(1)}`,
  perplexity: (value) => `perplexity ${value.toFixed(2)}`,
  validation_loss: (value) => `validation loss ${value.toFixed(3)}`,
  model_bytes: (value) => formatBytes(value),
  num_rows: (value) => `${value} rows`,
};

function figures({ outputs = {} }: TaskStatus): string {
  const metrics = { ...outputs, ...(outputs.metrics as Record<string, unknown> | undefined) };
  return Object.entries(shown)
    .flatMap(([name, format]) => (typeof metrics[name] === 'number' ? [format(metrics[name])] : []))
    .join(' · ');
}
