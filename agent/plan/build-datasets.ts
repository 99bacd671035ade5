/** Which datasets a step takes, and the one loader of each. */
import { addNode, type Flow, type ModelRef, makesModel, type PlanStep, readFlow, refOf } from './build-flow.ts';
import {
  assignName,
  choiceAt,
  connect,
  type DatasetChoice,
  type Draft,
  type DraftNode,
  type Json,
  type NameChoice,
  nodeOf,
  sourceOf,
  type Wiring,
} from './draft.ts';
import { inheritedLoader } from './take-place.ts';

/** Methods of quantization that measure activations and therefore read calibration data. */
const calibratedMethods = /gptq|awq|smooth|static|calib|hqq\+|sparsegpt/i;

export function datasetsFor(flow: Flow, step: PlanStep, model: ModelRef | undefined): (string | undefined)[] {
  const field = flow.wiring.inputOfKind(step.task, 'dataset');
  if (field === undefined) return [undefined];
  if (step.datasets.length > 0) return step.datasets.map((dataset) => loaderFor(flow, dataset, model));
  const calibrated = calibratedMethods.test(String(step.settings.method?.[0] ?? ''));
  const inherited = step.inPlaceOf ? inheritedLoader(flow, step) : undefined;
  if (inherited !== undefined && field.required) return [inherited];
  const known = lineageLoader(flow, model) ?? flow.newestLoader;
  if (!field.required) return [calibrated ? known : undefined];
  const usual = lineageLoader(flow, model) === undefined ? loadersOf(flow, step) : [];
  if (usual.length > 1) return usual;
  if (known !== undefined) return [known];
  const trains = flow.wiring.outputOfKind(step.task, 'model') !== undefined;
  const later = trains ? undefined : flow.ahead.find(({ datasets }) => datasets.length > 0)?.datasets[0];
  return [loaderFor(flow, later ?? { inputs: {} }, model)];
}

/** Gives a quantization whose method needs it the data that its model was trained on. */
export function calibrate(draft: Draft, node: DraftNode, wiring: Wiring): void {
  const field = wiring.inputOfKind(wiring.task(node.task_name), 'dataset');
  if (!field || sourceOf(node, field.name) !== undefined) return;
  if (!calibratedMethods.test(String(node.inputs.method ?? ''))) return;
  const loader = lineageLoader(readFlow(draft, wiring), refOf(wiring, draft, node));
  if (loader !== undefined) connect(wiring, draft, node, field.name, loader);
}

/** What the plan's nodes of this task take: with nothing else told, one more is made of the same. */
function loadersOf({ draft, wiring, ahead }: Flow, { task }: PlanStep): string[] {
  const field = wiring.inputOfKind(task, 'dataset');
  const makesModel = wiring.outputOfKind(task, 'model') !== undefined;
  if (field === undefined || makesModel || ahead.length > 0) return [];
  const sources = draft.nodes.filter((node) => node.task_name === task.name).map((node) => sourceOf(node, field.name));
  return [...new Set(sources.filter((id) => id !== undefined))];
}

/** The dataset that a model was trained on: an evaluation uses it unless told otherwise. */
function lineageLoader(flow: Flow, model: ModelRef | undefined): string | undefined {
  const { wiring, draft } = flow;
  if (model === undefined) return undefined;
  if ('choice' in model) {
    const name = JSON.stringify(model.choice);
    const trained = draft.nodes.find((node) => {
      const ref = makesModel(wiring, node) ? refOf(wiring, draft, node) : undefined;
      return ref !== undefined && 'choice' in ref && JSON.stringify(ref.choice) === name && trainingLoader(flow, node);
    });
    return trained && trainingLoader(flow, trained);
  }
  const node = nodeOf(draft, model.node);
  return node && (trainingLoader(flow, node) ?? lineageLoader(flow, refOf(wiring, draft, node)));
}

function trainingLoader(flow: Flow, node: DraftNode): string | undefined {
  const field = flow.wiring.inputOfKind(flow.wiring.task(node.task_name), 'dataset');
  return field?.required ? sourceOf(node, field.name) : undefined;
}

/** The one loader of this dataset, made where there is none yet. */
export function loaderFor(flow: Flow, dataset: DatasetChoice, model: ModelRef | undefined): string {
  const { wiring, draft } = flow;
  const producer = wiring.producer('dataset');
  if (producer === undefined) throw new Error('the catalogue has no task that loads a dataset');
  const input = wiring.datasetInput;
  const isPart = Object.keys(dataset.inputs).length > 0;
  const name = dataset.name ?? (isPart ? partOf(flow, model) : undefined);
  const twin = draft.nodes.find(
    (node) =>
      node.task_name === producer.name &&
      JSON.stringify(withoutKey(node.inputs, input)) === JSON.stringify(dataset.inputs) &&
      sameChoice(choiceAt(draft, node, input), name),
  );
  const hint = name && 'name' in name ? [pathHint(name.name), dataset.inputs.split].join(' ') : 'data';
  const node = twin ?? addNode(flow, producer, dataset.inputs, hint, false);
  if (twin === undefined) assignName(draft, node, input, 'dataset', name);
  flow.newestLoader = node.node_id;
  return node.node_id;
}

/** "the test split", with no dataset named, is a part of the one in hand. */
function partOf(flow: Flow, model: ModelRef | undefined): NameChoice | undefined {
  const loader = nodeOf(flow.draft, lineageLoader(flow, model) ?? flow.newestLoader);
  const here = loader && choiceAt(flow.draft, loader, flow.wiring.datasetInput);
  return here ?? flow.ahead.flatMap(({ datasets }) => datasets).find(({ name }) => name !== undefined)?.name;
}

function pathHint(path: string): string {
  const last = path.split('/').at(-1) ?? path;
  return last.replace(/^(huggingface|builtin):/, '').replace(/\.\w+$/, '');
}

function withoutKey(inputs: Record<string, Json>, key: string): Record<string, Json> {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => name !== key));
}

function sameChoice(a: NameChoice | undefined, b: NameChoice | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return 'name' in a && 'name' in b ? a.name === b.name : a.said === b.said;
}
