import type { Estimate } from '../core/estimate.ts';
import { formatAbout, formatBytes, formatMib, formatSeconds } from '../core/format.ts';
import type { Pipeline, PipelineNode } from '../core/pipeline.ts';
import type { Reply } from '../core/reply.ts';
import type { PipelineStatus, TaskStatus } from '../services/pipeline-status.ts';
import { formatTable } from '../services/text-table.ts';

/** A plan as lines, each node with what it is expected to take, what it was given and what it waits for. */
export function planLines(pipeline: Pipeline, estimates: Record<string, Estimate> = {}): string {
  const onGpu = Object.values(estimates).some(({ gpu_memory_mib }) => gpu_memory_mib !== null);
  const costs = Object.keys(estimates).length === 0 ? [] : ['time', 'memory', ...(onGpu ? ['GPU memory'] : []), 'disk'];
  const rows = pipeline.nodes.map((node) => [
    node.node_id,
    node.task_name,
    ...costs.map((cost) => costOf(estimates[node.node_id], cost)),
    given(node),
    waitsFor(pipeline, node),
  ]);
  const lines = costs.length === 0 ? rows : [['', '', ...costs, '', ''], ...rows];
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((row) => (row[column] ?? '').length)));
  const isCost = (column: number) => column >= 2 && column < 2 + costs.length;
  const pad = (cell: string, column: number) =>
    isCost(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return lines.map((row) => `  ${row.map(pad).join('  ')}`.trimEnd()).join('\n');
}

/** A cell of the plan: `?` where it cannot be told yet, '' for nothing worth telling. */
function costOf(estimate: Estimate | undefined, cost: string): string {
  if (estimate === undefined) return '';
  const { seconds, memory_mib, gpu_memory_mib, disk_mib } = estimate;
  const amount = { time: seconds, memory: memory_mib, 'GPU memory': gpu_memory_mib ?? 0, disk: disk_mib }[cost];
  if (amount === null || amount === undefined) return '?';
  if (amount === 0) return '';
  return cost === 'time' ? formatAbout(amount) : formatMib(amount);
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
      return [reply.text, ...warnings, planLines(reply.pipeline, reply.estimates)].join('\n');
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
    .map((task) => [task.node_id, ...takenCells(task), figures(task)]);
  return rows.length === 0 ? '' : formatTable(['node', 'time', 'expected', 'memory', 'expected', 'result'], rows);
}

/** Time and memory, each beside what was expected. */
function takenCells({ seconds, usage = {}, estimate, reused_from }: TaskStatus): string[] {
  if (reused_from !== undefined) return ['reused', '', '', ''];
  const cell = (amount: number | null | undefined, format: (value: number) => string) => (amount ? format(amount) : '');
  return [
    cell(seconds, formatSeconds),
    cell(estimate?.seconds, formatAbout),
    cell(usage.peak_memory_mib, formatMib),
    cell(estimate?.memory_mib, formatMib),
  ];
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
