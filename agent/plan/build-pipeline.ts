/** Adds steps to a plan and wires them by the kinds of their inputs and outputs. */
import type { ResourceKind, Task } from '../../src/core/task.ts';
import { datasetsFor, loaderFor } from './build-datasets.ts';
import { addNode, distinct, type Flow, type ModelRef, type PlanStep, providable, readFlow } from './build-flow.ts';
import { modelsFor } from './build-models.ts';
import { combinations, limitSteps } from './combinations.ts';
import {
  assignName,
  connect,
  type DatasetChoice,
  type Draft,
  type DraftNode,
  emptyDraft,
  type Json,
  nodeOf,
  type Wiring,
} from './draft.ts';
import { putBefore } from './put-before.ts';
import { inheriting, takePlace } from './take-place.ts';

/** Resources that a task gets even where nobody asked, because their producer needs nothing. */
const alwaysProvided: readonly ResourceKind[] = ['config'];

/**
 * Adds steps to a draft and wires them: one loader a distinct dataset, microservices where an input needs
 * an id, the newest model where none is named. Pure; what nobody said stays missing.
 */
export function addSteps(base: Draft | undefined, steps: readonly PlanStep[], wiring: Wiring): Draft {
  limitSteps(steps.length);
  const draft = structuredClone(base ?? emptyDraft);
  const flow = readFlow(draft, wiring);
  flow.servesExisting = steps.every(({ task }) => task.type === 'MICROSERVICE');
  steps.forEach((step, index) => {
    flow.ahead = steps.slice(index + 1);
    if (step.task.type === 'MICROSERVICE') addMicroservice(flow, step);
    else addMacrotask(flow, step);
  });
  return draft;
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

function addMacrotask(flow: Flow, wanted: PlanStep): void {
  const { wiring } = flow;
  const step = wanted.inPlaceOf ? inheriting(wanted, flow) : wanted;
  const models = modelsFor(flow, step);
  const made = addVariants(flow, step, models);
  if (step.inPlaceOf) takePlace(flow, made, step.inPlaceOf);
  if (wiring.outputOfKind(step.task, 'model') !== undefined) {
    // Steps side by side ("finetune gpt2 on squad and phi-2 on imdb") are the newest models together.
    const beside = step.modelFrom.includes('beside') ? flow.frontier : [];
    flow.frontier = distinct([...beside, ...made.map((node) => ({ node }))]);
    flow.made.push(...made.filter((node) => !flow.made.includes(node)));
  } else if (step.models.length > 0) {
    flow.subject = models.filter((model): model is ModelRef => model !== undefined);
  }
}

/** A node for each model, dataset and combination of values. */
function addVariants(flow: Flow, step: PlanStep, models: readonly (ModelRef | undefined)[]): string[] {
  const made = new Set<string>();
  for (const model of models) {
    for (const dataset of datasetsFor(flow, step, model)) {
      for (const settings of combinations(step.settings)) {
        const node = addWired(flow, step, settings, model, dataset);
        made.add(node.node_id);
        if (step.before && model) putBefore(flow, node, model, step.before);
      }
    }
  }
  return [...made];
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
