/** Answers what is open in a plan, or else replaces what is there. */
import {
  assignName,
  choiceAt,
  connect,
  type DatasetChoice,
  type Draft,
  type DraftNode,
  type Json,
  nodeOf,
  prune,
  sourceOf,
  type Wiring,
} from './draft.ts';
import { copyLoader, datasetSlots, fillLoader, isOpen, mergeLoaders, modelSlots, type Slot } from './draft-slots.ts';
import { type Repetition, repeatFrom } from './repeat-plan.ts';

/** What a `set` command changes. */
export interface Change extends Repetition {
  /** Only nodes of this task; null for all. */
  task: string | null;
  insteadOf: string | null;
}

/**
 * Answers what is open, or else replaces what is there. Pure. Inputs that no node of the plan takes come
 * back in `unplaced`.
 */
export function changeDraft(base: Draft, change: Change, wiring: Wiring): { draft: Draft; unplaced: string[] } {
  const draft = structuredClone(base);
  const unplaced: string[] = [];
  if (!setModels(draft, change, wiring)) unplaced.push('model');
  if (!setDatasets(draft, change, wiring)) unplaced.push('dataset');
  for (const [input, values] of Object.entries(change.settings)) {
    if (!setValue(draft, change.task, input, values, wiring)) unplaced.push(input);
  }
  prune(draft);
  return { draft, unplaced };
}

function setModels(draft: Draft, change: Change, wiring: Wiring): boolean {
  const [model, ...others] = change.models;
  if (model === undefined) return true;
  const slots = modelSlots(draft, wiring);
  const open = change.insteadOf === null ? slots.filter(isOpen) : [];
  const chosen = open.length > 0 ? open : replaced(slots, change, draft);
  for (const { node, input } of chosen) assignName(draft, node, input, 'model', model);
  for (const other of others) repeatFrom(draft, nodesOf(chosen), { model: other }, wiring);
  return chosen.length > 0;
}

function setDatasets(draft: Draft, change: Change, wiring: Wiring): boolean {
  const [dataset, ...others] = change.datasets;
  if (dataset === undefined) return true;
  const slots = datasetSlots(draft, wiring);
  if (slots.length === 0) return false;
  const open = slots.filter(isOpen);
  if (change.task !== null && open.length === 0) return setTaskDataset(draft, change.task, dataset, wiring);
  const named = open.length > 0 ? open : replaced(slots, change, draft);
  const chosen = dataset.name === undefined ? slots : named;
  for (const { node } of chosen) fillLoader(draft, node, dataset, wiring);
  for (const other of others) repeatFrom(draft, nodesOf(chosen), { dataset: other }, wiring);
  mergeLoaders(draft, wiring);
  return true;
}

/** Another dataset for the nodes of one task; nodes of other tasks keep theirs. */
function setTaskDataset(draft: Draft, task: string, dataset: DatasetChoice, wiring: Wiring): boolean {
  const field = wiring.inputOfKind(wiring.task(task), 'dataset');
  const nodes = field === undefined ? [] : draft.nodes.filter(({ task_name }) => task_name === task);
  for (const node of nodes) {
    const input = field?.name ?? '';
    const own = copyLoader(draft, nodeOf(draft, sourceOf(node, input)), wiring);
    fillLoader(draft, own, dataset, wiring);
    connect(wiring, draft, node, input, own.node_id);
  }
  mergeLoaders(draft, wiring);
  return nodes.length > 0;
}

function setValue(draft: Draft, task: string | null, input: string, values: Json[], wiring: Wiring): boolean {
  const chosen = takersOf(draft, task, input, wiring);
  const [value, ...others] = values;
  if (value === undefined) return true;
  for (const node of chosen) node.inputs[input] = value;
  for (const other of others) repeatFrom(draft, chosen, { inputs: { [input]: other } }, wiring);
  return chosen.length > 0;
}

/** A limit that both the loader and a step take belongs to the loader, unless the step was named. */
function takersOf(draft: Draft, task: string | null, input: string, wiring: Wiring): DraftNode[] {
  const takers = draft.nodes.filter((node) => wiring.task(node.task_name).inputFields.has(input));
  const ofTask = takers.filter(({ task_name }) => task_name === task);
  if (ofTask.length > 0) return ofTask;
  const loaders = takers.filter(({ task_name }) => task_name === wiring.producer('dataset')?.name);
  return loaders.length > 0 ? loaders : takers;
}

/** The slots that a new name takes over: those that hold what the user named, else those of the task, else all. */
function replaced(slots: Slot[], { insteadOf, task }: Change, draft: Draft): Slot[] {
  const holding = slots.filter((slot) => insteadOf !== null && holds(draft, slot, insteadOf));
  if (holding.length > 0) return holding;
  const ofTask = slots.filter(({ node }) => node.task_name === task);
  return ofTask.length > 0 ? ofTask : slots;
}

function holds(draft: Draft, { node, input }: Slot, name: string): boolean {
  const held = choiceAt(draft, node, input);
  return held !== undefined && (held.said === name || ('name' in held && held.name === name));
}

function nodesOf(slots: readonly Slot[]): DraftNode[] {
  return slots.map(({ node }) => node);
}
