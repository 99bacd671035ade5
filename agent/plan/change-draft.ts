/** Answers what is open in a plan, or else replaces what is there. */

import { calibrate } from './build-datasets.ts';
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
import {
  copyLoader,
  datasetSlots,
  fillLoader,
  isOpen,
  mergeLoaders,
  mergeTwins,
  modelSlots,
  type Slot,
} from './draft-slots.ts';
import { type Repetition, repeatFrom } from './repeat-plan.ts';
import { type Selection, selected } from './select-nodes.ts';

/** What a `set` command changes. */
export interface Change extends Repetition {
  /** Only nodes of this task; null for all. */
  task: string | null;
  insteadOf: string | null;
  /** Only these variants; null for all. */
  of: Selection | null;
}

/**
 * Answers what is open, or else replaces what is there. Pure. Inputs that no node of the plan takes come
 * back in `unplaced`.
 */
export function changeDraft(base: Draft, change: Change, wiring: Wiring): { draft: Draft; unplaced: string[] } {
  const draft = structuredClone(base);
  const isMeant = meantBy(draft, change, wiring);
  const unplaced: string[] = [];
  if (!setModels(draft, change, isMeant, wiring)) unplaced.push('model');
  if (!setDatasets(draft, change, isMeant, wiring)) unplaced.push('dataset');
  for (const [input, values] of Object.entries(change.settings)) {
    if (!setValue(draft, change.task, input, values, isMeant, wiring)) unplaced.push(input);
  }
  mergeTwins(draft);
  prune(draft);
  return { draft, unplaced };
}

type IsMeant = (node: DraftNode) => boolean;

/** Which nodes a change is about, as the plan was before it. */
function meantBy(draft: Draft, { of }: Change, wiring: Wiring): IsMeant {
  if (of === null) return () => true;
  const ids = new Set(selected(draft, of, wiring).map(({ node_id }) => node_id));
  return ({ node_id }) => ids.has(node_id);
}

function setModels(draft: Draft, change: Change, isMeant: IsMeant, wiring: Wiring): boolean {
  const [model, ...others] = change.models;
  if (model === undefined) return true;
  const slots = modelSlots(draft, wiring).filter(({ node }) => isMeant(node));
  const open = change.insteadOf === null ? slots.filter(isOpen) : [];
  const chosen = open.length > 0 ? open : replaced(slots, change, draft);
  for (const { node, input } of chosen) assignName(draft, node, input, 'model', model);
  for (const other of others) repeatFrom(draft, nodesOf(chosen), { model: other }, wiring);
  return chosen.length > 0;
}

function setDatasets(draft: Draft, change: Change, isMeant: IsMeant, wiring: Wiring): boolean {
  const [dataset, ...others] = change.datasets;
  if (dataset === undefined) return true;
  const slots = datasetSlots(draft, wiring);
  const open = slots.filter(isOpen);
  const meant = slots.filter(({ node }) => isMeant(node));
  if (change.of !== null && change.task === null && dataset.name === undefined && meant.length > 0) {
    for (const { node } of meant) fillLoader(draft, node, dataset, wiring);
    return true;
  }
  if ((change.task !== null || change.of !== null) && open.length === 0) {
    const nodes = draft.nodes.filter((node) => isMeant(node) && [null, node.task_name].includes(change.task));
    return setOwnDataset(draft, nodes, change.task !== null, dataset, wiring);
  }
  if (slots.length === 0) return false;
  const named = open.length > 0 ? open : replaced(slots, change, draft);
  const chosen = dataset.name === undefined ? slots : named;
  for (const { node } of chosen) fillLoader(draft, node, dataset, wiring);
  for (const other of others) repeatFrom(draft, nodesOf(chosen), { dataset: other }, wiring);
  mergeLoaders(draft, wiring);
  return true;
}

/** Another dataset for these nodes; others keep theirs. One that a node can do without is only given where told. */
function setOwnDataset(
  draft: Draft,
  candidates: readonly DraftNode[],
  told: boolean,
  dataset: DatasetChoice,
  wiring: Wiring,
): boolean {
  const fieldOf = ({ task_name }: DraftNode) => wiring.inputOfKind(wiring.task(task_name), 'dataset');
  const nodes = candidates.filter((node) => fieldOf(node) !== undefined && (told || fieldOf(node)?.required === true));
  for (const node of nodes) {
    const input = fieldOf(node)?.name ?? '';
    const own = copyLoader(draft, nodeOf(draft, sourceOf(node, input)), wiring);
    fillLoader(draft, own, dataset, wiring);
    connect(wiring, draft, node, input, own.node_id);
  }
  mergeLoaders(draft, wiring);
  return nodes.length > 0;
}

function setValue(
  draft: Draft,
  task: string | null,
  input: string,
  values: Json[],
  isMeant: IsMeant,
  wiring: Wiring,
): boolean {
  const chosen = takersOf(draft, task, input, wiring).filter(isMeant);
  const [value, ...others] = values;
  if (value === undefined) return true;
  for (const node of chosen) {
    node.inputs[input] = value;
    if (input === 'method') calibrate(draft, node, wiring);
  }
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
