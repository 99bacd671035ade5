import type { ResourceKind, Task } from '../src/core/task.ts';
import { combinations } from './combinations.ts';
import {
  assignName,
  choiceAt,
  connect,
  type DatasetChoice,
  type Draft,
  type DraftNode,
  emptyDraft,
  freeNodeId,
  type Json,
  type NameChoice,
  nodeOf,
  sourceOf,
  type Wiring,
} from './draft.ts';

/** A step whose names and values are resolved: what `addSteps` turns into nodes. */
export interface PlanStep {
  task: Task;
  models: NameChoice[];
  /** See `stepSchema`. */
  modelFrom: string[];
  datasets: DatasetChoice[];
  /** Values by input; several values of one input fan out. */
  settings: Record<string, Json[]>;
}

/** A model in the plan: made by a node, or a name that may still be open. */
type ModelRef = { node: string } | { choice: NameChoice | undefined };

interface Flow {
  wiring: Wiring;
  draft: Draft;
  /** The newest models made, side by side where the plan fans out. */
  frontier: ModelRef[];
  /** Models that a step named without making one from it: "evaluate gpt2". */
  subject: ModelRef[];
  /** Nodes that made a model, oldest first. */
  made: string[];
  newestLoader: string | undefined;
  provided: Map<ResourceKind, string>;
  /** Steps still to come: an evaluation before a training looks here for its dataset. */
  ahead: readonly PlanStep[];
  /** A message that only brings an environment, a config or an adapter brings it to the steps that are there. */
  servesExisting: boolean;
}

/** Resources that a task gets even where nobody asked, because their producer needs nothing. */
const alwaysProvided: readonly ResourceKind[] = ['config'];
const providable: readonly ResourceKind[] = ['lora', 'config', 'environment'];
/** Methods of quantization that measure activations and therefore read calibration data. */
const calibratedMethods = /gptq|awq|smooth|static|calib|hqq\+|sparsegpt/i;
const maxPlanNodes = 200;

/**
 * Adds steps to a draft and wires them: one loader a distinct dataset, microservices where an input needs
 * an id, the newest model where none is named. Pure; what nobody said stays missing.
 */
export function addSteps(base: Draft | undefined, steps: readonly PlanStep[], wiring: Wiring): Draft {
  const draft = structuredClone(base ?? emptyDraft);
  const flow = readFlow(draft, wiring);
  flow.servesExisting = steps.every(({ task }) => task.type === 'MICROSERVICE');
  steps.forEach((step, index) => {
    flow.ahead = steps.slice(index + 1);
    if (step.task.type === 'MICROSERVICE') addMicroservice(flow, step);
    else addMacrotask(flow, step);
  });
  if (draft.nodes.length > maxPlanNodes) throw new RangeError(`That would be ${draft.nodes.length} steps.`);
  return draft;
}

/** Where a draft stands, so that further steps can go on from it. */
function readFlow(draft: Draft, wiring: Wiring): Flow {
  const made = draft.nodes.filter((node) => makesModel(wiring, node)).map(({ node_id }) => node_id);
  const consumed = new Set(
    draft.nodes.filter((node) => makesModel(wiring, node)).map((node) => modelSource(wiring, node)),
  );
  const last = nodeOf(draft, made.at(-1));
  const siblings = made.filter((id) => !consumed.has(id) && nodeOf(draft, id)?.task_name === last?.task_name);
  const provided = new Map<ResourceKind, string>();
  let newestLoader: string | undefined;
  for (const { node_id, task_name } of draft.nodes) {
    if (wiring.producer('dataset')?.name === task_name) newestLoader = node_id;
    for (const kind of providable) if (wiring.producer(kind)?.name === task_name) provided.set(kind, node_id);
  }
  const named = draft.nodes
    .filter((node) => node.asked && !makesModel(wiring, node))
    .map((node) => refOf(wiring, draft, node));
  return {
    wiring,
    draft,
    frontier: (siblings.length > 0 ? siblings : made.slice(-1)).map((node) => ({ node })),
    subject: distinct(named.filter((ref) => ref !== undefined)),
    made,
    newestLoader,
    provided,
    ahead: [],
    servesExisting: false,
  };
}

function makesModel(wiring: Wiring, node: DraftNode): boolean {
  return wiring.outputOfKind(wiring.task(node.task_name), 'model') !== undefined;
}

function modelSource(wiring: Wiring, node: DraftNode): string | undefined {
  const pair = wiring.modelInputs(wiring.task(node.task_name));
  return pair && sourceOf(node, pair[1]);
}

/** The model that a node takes. */
function refOf(wiring: Wiring, draft: Draft, node: DraftNode): ModelRef | undefined {
  const pair = wiring.modelInputs(wiring.task(node.task_name));
  if (pair === undefined) return undefined;
  const source = sourceOf(node, pair[1]);
  return source === undefined ? { choice: choiceAt(draft, node, pair[0]) } : { node: source };
}

function addMicroservice(flow: Flow, step: PlanStep): void {
  const { wiring, draft } = flow;
  if (step.task === wiring.producer('dataset')) {
    const wanted: DatasetChoice[] = step.datasets.length > 0 ? step.datasets : [{ inputs: {} }];
    for (const dataset of wanted) {
      for (const settings of combinations(step.settings)) {
        const id = loaderFor(flow, { ...dataset, inputs: { ...settings, ...dataset.inputs } }, undefined);
        const node = nodeOf(draft, id);
        if (node !== undefined) node.asked = true;
      }
    }
    return;
  }
  const kind = providable.find((candidate) => wiring.producer(candidate) === step.task);
  for (const settings of combinations(step.settings)) addProvider(flow, step.task, kind, settings);
}

function addProvider(flow: Flow, task: Task, kind: ResourceKind | undefined, settings: Record<string, Json>): void {
  const { wiring, draft } = flow;
  const existing = kind && nodeOf(draft, flow.provided.get(kind));
  // A config that was put in with nothing but defaults takes the settings that come later.
  if (existing && !existing.asked && Object.keys(existing.inputs).length === 0) {
    Object.assign(existing, { inputs: settings, asked: true });
    return;
  }
  const node = addNode(flow, task, settings, '', true);
  if (kind === undefined) return;
  flow.provided.set(kind, node.node_id);
  if (!flow.servesExisting) return;
  for (const other of draft.nodes) {
    const field = wiring.inputOfKind(wiring.task(other.task_name), kind);
    if (field !== undefined) connect(wiring, draft, other, field.name, node.node_id);
  }
}

function addNode(flow: Flow, task: Task, inputs: Record<string, Json>, hint: string, asked: boolean): DraftNode {
  const node_id = freeNodeId(flow.draft, task.name, hint);
  const node: DraftNode = { node_id, task_name: task.name, inputs: { ...inputs }, input_mappings: {}, asked };
  flow.draft.nodes.push(node);
  return node;
}

function addMacrotask(flow: Flow, step: PlanStep): void {
  const { wiring } = flow;
  const models = modelsFor(flow, step);
  const made: string[] = [];
  for (const model of models) {
    for (const dataset of datasetsFor(flow, step, model)) {
      for (const settings of combinations(step.settings)) {
        const node = addWired(flow, step, settings, model, dataset);
        if (!made.includes(node.node_id)) made.push(node.node_id);
      }
    }
  }
  if (wiring.outputOfKind(step.task, 'model') !== undefined) {
    // Steps side by side ("finetune gpt2 on squad and phi-2 on imdb") are the newest models together.
    const beside = step.modelFrom.includes('beside') ? flow.frontier : [];
    flow.frontier = distinct([...beside, ...made.map((node) => ({ node }))]);
    flow.made.push(...made.filter((node) => !flow.made.includes(node)));
  } else if (step.models.length > 0) {
    flow.subject = models.filter((model): model is ModelRef => model !== undefined);
  }
}

function addWired(
  flow: Flow,
  step: PlanStep,
  settings: Record<string, Json>,
  model: ModelRef | undefined,
  dataset: string | undefined,
): DraftNode {
  const { wiring, draft } = flow;
  const providers = providable.filter((kind) => wiring.inputOfKind(step.task, kind) !== undefined);
  for (const kind of providers) provide(flow, kind);
  const node = addNode(flow, step.task, settings, hintFor(flow, step, settings, model), true);
  const pair = wiring.modelInputs(step.task);
  if (pair && model && 'node' in model) connect(wiring, draft, node, pair[1], model.node);
  if (pair && model && 'choice' in model) assignName(draft, node, pair[0], 'model', model.choice);
  const datasetField = wiring.inputOfKind(step.task, 'dataset');
  if (datasetField && dataset) connect(wiring, draft, node, datasetField.name, dataset);
  for (const kind of providers) {
    const field = wiring.inputOfKind(step.task, kind);
    const provider = flow.provided.get(kind);
    if (field && provider) connect(wiring, draft, node, field.name, provider);
  }
  return mergeTwin(flow, node);
}

/** Asking twice for exactly the same step gives one node. */
function mergeTwin(flow: Flow, node: DraftNode): DraftNode {
  const same = (other: DraftNode) =>
    other !== node &&
    other.task_name === node.task_name &&
    JSON.stringify([other.inputs, other.input_mappings]) === JSON.stringify([node.inputs, node.input_mappings]);
  const complete = flow.draft.doubts.every(({ node_id }) => node_id !== node.node_id);
  const twin = complete ? flow.draft.nodes.find(same) : undefined;
  if (twin === undefined) return node;
  flow.draft.nodes = flow.draft.nodes.filter((other) => other !== node);
  return twin;
}

function provide(flow: Flow, kind: ResourceKind): void {
  const producer = flow.wiring.producer(kind);
  if (flow.provided.has(kind) || producer === undefined || !alwaysProvided.includes(kind)) return;
  flow.provided.set(kind, addNode(flow, producer, {}, '', false).node_id);
}

function hintFor(flow: Flow, step: PlanStep, settings: Record<string, Json>, model: ModelRef | undefined): string {
  if (typeof settings.bits === 'number' && flow.wiring.outputOfKind(step.task, 'model')) return `${settings.bits}bit`;
  if (model === undefined) return '';
  if ('node' in model) return model.node;
  const isBase = flow.made.length > 0 && !flow.wiring.outputOfKind(step.task, 'model');
  if (isBase && step.modelFrom.length > 0) return 'base';
  return model.choice && 'name' in model.choice ? (model.choice.name.split(/[/:]/).at(-1) ?? '') : '';
}

function modelsFor(flow: Flow, step: PlanStep): (ModelRef | undefined)[] {
  if (flow.wiring.modelInputs(step.task) === undefined) return [undefined];
  const asked = [
    ...step.models.map((choice): ModelRef => ({ choice })),
    ...step.modelFrom.flatMap((from) => lookup(flow, from)),
  ];
  if (asked.length > 0) return distinct(asked);
  const newest = newestFor(flow, step.task);
  return newest.length > 0 ? newest : [{ choice: undefined }];
}

function newestFor(flow: Flow, task: Task): ModelRef[] {
  const newest = flow.frontier.length > 0 ? flow.frontier : flow.subject;
  if (!quantizes(task)) return newest;
  // What is quantized already is not quantized again: the step starts where the earlier one started.
  return distinct(newest.map((ref) => unquantized(flow, ref)));
}

function unquantized(flow: Flow, ref: ModelRef): ModelRef {
  const node = 'node' in ref ? nodeOf(flow.draft, ref.node) : undefined;
  if (node === undefined || !quantizes(flow.wiring.task(node.task_name))) return ref;
  const source = refOf(flow.wiring, flow.draft, node);
  return source === undefined ? ref : unquantized(flow, source);
}

function quantizes(task: Task): boolean {
  return task.inputFields.has('bits') && !task.inputFields.get('dataset_id')?.required;
}

/** The models of the plan that a reference means; see `stepSchema`. */
function lookup(flow: Flow, from: string): ModelRef[] {
  const [side, taskName] = from.split(':');
  if (taskName !== undefined) return atTask(flow, side ?? '', taskName);
  if (from === 'newest') return flow.frontier.length > 0 ? flow.frontier : flow.subject;
  if (from === 'base') return distinct(newestNodes(flow).map((ref) => rootOf(flow, ref)));
  if (from === 'both') return both(flow);
  if (from === 'unquantized') return distinct(newestNodes(flow).map((ref) => unquantized(flow, ref)));
  if (from === 'each' && flow.frontier.length > 1) return flow.frontier;
  if (from === 'each') return lookup(flow, 'all');
  if (from === 'three') {
    const made = flow.made.map((node): ModelRef => ({ node }));
    return made.length > 2 ? made : distinct([...newestNodes(flow).map((ref) => rootOf(flow, ref)), ...made]);
  }
  if (from === 'all') return flow.made.length > 1 ? flow.made.map((node) => ({ node })) : both(flow);
  return [];
}

function newestNodes(flow: Flow): ModelRef[] {
  return flow.frontier.length > 0 ? flow.frontier : flow.subject;
}

function both(flow: Flow): ModelRef[] {
  if (flow.frontier.length > 1) return flow.frontier;
  if (flow.made.length > 1) return flow.made.slice(-2).map((node) => ({ node }));
  return distinct([...flow.frontier.map((ref) => rootOf(flow, ref)), ...newestNodes(flow)]);
}

function atTask(flow: Flow, side: string, taskName: string): ModelRef[] {
  const nodes = flow.draft.nodes.filter(({ task_name }) => task_name === taskName);
  if (side === 'after') return nodes.map(({ node_id }) => ({ node: node_id }));
  return distinct(nodes.map((node) => refOf(flow.wiring, flow.draft, node)).filter((ref) => ref !== undefined));
}

/** The named model at the start of the chain that made this one. */
function rootOf(flow: Flow, ref: ModelRef): ModelRef {
  const node = 'node' in ref ? nodeOf(flow.draft, ref.node) : undefined;
  const source = node && refOf(flow.wiring, flow.draft, node);
  return source === undefined ? ref : rootOf(flow, source);
}

function datasetsFor(flow: Flow, step: PlanStep, model: ModelRef | undefined): (string | undefined)[] {
  const field = flow.wiring.inputOfKind(step.task, 'dataset');
  if (field === undefined) return [undefined];
  if (step.datasets.length > 0) return step.datasets.map((dataset) => loaderFor(flow, dataset, model));
  const calibrated = calibratedMethods.test(String(step.settings.method?.[0] ?? ''));
  const known = lineageLoader(flow, model) ?? flow.newestLoader;
  if (!field.required) return [calibrated ? known : undefined];
  if (known !== undefined) return [known];
  const trains = flow.wiring.outputOfKind(step.task, 'model') !== undefined;
  const later = trains ? undefined : flow.ahead.find(({ datasets }) => datasets.length > 0)?.datasets[0];
  return [loaderFor(flow, later ?? { inputs: {} }, model)];
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
function loaderFor(flow: Flow, dataset: DatasetChoice, model: ModelRef | undefined): string {
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

function distinct(refs: readonly ModelRef[]): ModelRef[] {
  const key = (ref: ModelRef) =>
    'node' in ref ? ref.node : ref.choice && 'name' in ref.choice ? `=${ref.choice.name}` : `?${ref.choice?.said}`;
  return [...new Map(refs.map((ref) => [key(ref), ref])).values()];
}
