/** A plan in words. */
import type { Pipeline, PipelineNode } from '../../src/core/pipeline.ts';
import type { World } from '../resolve-commands.ts';

/** A plan in one sentence: "I will load squad, finetune gpt2 on it and evaluate the result." */
export function describePlan(pipeline: Pipeline, world: World): string {
  const shown = pipeline.nodes.filter((node) => !isSilent(node, world));
  const many = shown.length > 8;
  const phrases = (many ? shown.slice(0, 7) : shown).map((node) => phrase(node, pipeline, world));
  if (many) phrases.push(`run ${shown.length - 7} more steps`);
  const last = phrases.at(-1) ?? 'do nothing';
  const sentence = phrases.length > 1 ? `${phrases.slice(0, -1).join(', ')} and ${last}` : last;
  return `I will ${sentence}.`;
}

/** A config with nothing but defaults needs no words. */
function isSilent(node: PipelineNode, { wiring }: World): boolean {
  return node.task_name === wiring.producer('config')?.name && Object.keys(node.inputs ?? {}).length === 0;
}

function phrase(node: PipelineNode, pipeline: Pipeline, world: World): string {
  const { wiring } = world;
  const inputs = node.inputs ?? {};
  const model = modelWords(node, pipeline, world);
  const data = datasetWords(node, pipeline, world);
  switch (node.task_name) {
    case wiring.producer('dataset')?.name: {
      const part = typeof inputs.split === 'string' ? `the ${inputs.split} split of ` : '';
      return `load ${part}${short(inputs[wiring.datasetInput])}${limit(inputs)}`;
    }
    case 'finetune':
      return `finetune ${model}${data}${extras(node, world)}`;
    case 'train':
      return `train a model from scratch${data}${extras(node, world)}`;
    case 'ptq':
      return `quantize ${model} to ${String(inputs.bits ?? 8)} bits${data && ` with calibration${data}`}${extras(node, world)}`;
    case 'qat':
      return `train ${model} quantization-aware${data} at ${String(inputs.bits ?? 8)} bits${extras(node, world)}`;
    case 'evaluate':
      return `evaluate ${model}${data}${limit(inputs)}${extras(node, world)}`;
    default:
      return `${wiring
        .task(node.task_name)
        .summary.replace(/ and return (?:its|their) id$/, '')
        .replace(/^./, (first) => first.toLowerCase())}${plain(inputs)}`;
  }
}

function limit(inputs: Record<string, unknown>): string {
  return typeof inputs.max_samples === 'number' ? ` (at most ${inputs.max_samples} rows)` : '';
}

function plain(inputs: Record<string, unknown>): string {
  const values = Object.values(inputs).map((value) => (typeof value === 'string' ? value : words(value)));
  return values.length === 0 ? '' : ` (${values.join('; ')})`;
}

/** What the sentence itself says already. */
const saidElsewhere = new Set(['bits', 'max_samples']);

/** Everything else that a step was given, so that nobody starts what they have not read. */
function extras(node: PipelineNode, { wiring }: World): string {
  const names: readonly string[] = wiring.modelInputs(wiring.task(node.task_name)) ?? [];
  const given = Object.entries(node.inputs ?? {}).filter(([name]) => !names.includes(name) && !saidElsewhere.has(name));
  if (given.length === 0) return '';
  const told = given.map(
    ([name, value]) => `${name.replaceAll('_', ' ').replace(/^(?:num|max) /, '')} ${words(value)}`,
  );
  return ` (${told.join(', ')})`;
}

function words(value: unknown): string {
  if (Array.isArray(value)) return value.map(words).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function sourceNode(node: PipelineNode, input: string | undefined, pipeline: Pipeline): PipelineNode | undefined {
  const key = Object.entries(node.input_mappings ?? {}).find(([, mapped]) => mapped === input)?.[0];
  return pipeline.nodes.find(({ node_id }) => node_id === key?.slice(0, key.lastIndexOf('.')));
}

function modelWords(node: PipelineNode, pipeline: Pipeline, { wiring }: World): string {
  const pair = wiring.modelInputs(wiring.task(node.task_name));
  const named = pair && node.inputs?.[pair[0]];
  if (typeof named === 'string') return named;
  const source = sourceNode(node, pair?.[1], pipeline);
  if (source === undefined) return 'it';
  const steps = pipeline.nodes.filter(({ task_name }) => wiring.outputOfKind(wiring.task(task_name), 'model'));
  const place = pipeline.nodes.indexOf(node);
  const newest = pipeline.nodes.slice(0, place).findLast((other) => steps.includes(other));
  return source === newest ? 'the result' : `the output of ${source.node_id}`;
}

function datasetWords(node: PipelineNode, pipeline: Pipeline, { wiring }: World): string {
  const field = wiring.inputOfKind(wiring.task(node.task_name), 'dataset');
  const loader = field && sourceNode(node, field.name, pipeline);
  return loader === undefined ? '' : ` on ${short(loader.inputs?.[wiring.datasetInput])}`;
}

function short(path: unknown): string {
  return typeof path === 'string' ? path.replace(/^(huggingface|builtin):/, '') : 'the dataset';
}
