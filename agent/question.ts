/** What a plan still misses, as one question. */
import { inspectPipeline } from '../src/core/check-pipeline.ts';
import type { Fault } from '../src/core/errors.ts';
import type { Registry } from '../src/core/registry.ts';
import type { QuestionField } from '../src/core/reply.ts';
import { type Draft, doubtOf, toPipeline } from './plan/draft.ts';
import type { World } from './resolve-commands.ts';

const maxOptions = 8;

/** What a draft still misses, computed by the pipeline's own check; other faults are faults of ours. */
export function inspectDraft(draft: Draft, world: World): { missing: Fault[]; faults: Fault[] } {
  const { faults } = inspectPipeline(toPipeline(draft, world.wiring), world.catalogue);
  const missing = faults.filter(({ code }) => code === 'missing_input');
  return { missing, faults: faults.filter((fault) => !missing.includes(fault)) };
}

/** One field for each thing that is missing, with the choices that fit what was said. */
export function questionFields(
  draft: Draft,
  missing: readonly Fault[],
  world: World,
  registry: Registry,
): QuestionField[] {
  return missing.map(({ node_id = '', field: input = '' }) => {
    const node = draft.nodes.find((other) => other.node_id === node_id);
    const field = node && world.wiring.task(node.task_name).inputFields.get(input);
    const options = optionsFor(draft, node_id, input, world, registry);
    return {
      node_id,
      input,
      label: labelFor(input, world),
      ...(field && field.description !== '' && { description: field.description }),
      ...(options.length > 0 && { options: options.map((value) => ({ value, label: shortName(value) })) }),
    };
  });
}

function labelFor(input: string, { wiring }: World): string {
  if (input === 'model_name') return 'Model';
  if (input === wiring.datasetInput) return 'Dataset';
  const words = input.replaceAll('_', ' ').replace('lora', 'LoRA');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function shortName(name: string): string {
  return name.replace(/^(huggingface|builtin):/, '').replace(/^[^/]+\//, '');
}

function optionsFor(draft: Draft, node_id: string, input: string, world: World, registry: Registry): string[] {
  const isModel = input === 'model_name';
  if (!isModel && input !== world.wiring.datasetInput) return [];
  const kind = isModel ? 'model' : 'dataset';
  const doubt = doubtOf(draft, node_id, input);
  const known = world.names.known(kind);
  const builtin = known.filter((name) => name.startsWith('builtin:'));
  const fitting = doubt?.options ?? [];
  const usual =
    fitting.length > 0
      ? fitting
      : isModel
        ? smallModels(registry)
        : known.filter((name) => !name.startsWith('builtin:'));
  return [...new Set([...fitting.slice(0, maxOptions - builtin.length), ...builtin, ...usual])].slice(0, maxOptions);
}

function smallModels(registry: Registry): string[] {
  return [...registry.models].sort((a, b) => a.parameters - b.parameters).map(({ name }) => name);
}

/** The question as a sentence: what is missing, and what was not clear. */
export function questionText(draft: Draft, fields: readonly QuestionField[], world: World): string {
  const asked = [...new Set(fields.map(({ input }) => input))].map((input) => askFor(draft, fields, input, world));
  return asked.join(' ');
}

function askFor(draft: Draft, fields: readonly QuestionField[], input: string, world: World): string {
  const field = fields.find((one) => one.input === input);
  const doubt = field && doubtOf(draft, field.node_id, input);
  const node = draft.nodes.find(({ node_id }) => node_id === field?.node_id);
  const task = node?.task_name ?? '';
  const noun =
    input === 'model_name' ? 'model' : input === world.wiring.datasetInput ? 'dataset' : input.replaceAll('_', ' ');
  if (doubt !== undefined && doubt.options.length > 1) return `Which ${noun} do you mean by "${doubt.said}"?`;
  if (doubt !== undefined) {
    const near = doubt.options[0] === undefined ? '' : ` Did you mean ${doubt.options[0]}?`;
    const forms = noun === 'model' ? 'owner/name or a local folder' : 'huggingface:NAME or a file';
    return `I know no ${noun} "${doubt.said}".${near} Give its name as ${forms}.`;
  }
  if (noun === 'model') return `Which model should I ${verb(task)}?`;
  if (noun === 'dataset') return 'Which dataset should I use?';
  return `Which ${noun} should ${task} use?`;
}

const verbs: Record<string, string> = {
  finetune: 'finetune',
  ptq: 'quantize',
  qat: 'train quantization-aware',
  evaluate: 'evaluate',
};

function verb(task: string): string {
  return verbs[task] ?? task;
}
