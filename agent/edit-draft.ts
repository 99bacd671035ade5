import { combinations } from './combinations.ts';
import {
  assignName,
  choiceAt,
  connect,
  type DatasetChoice,
  type Draft,
  type DraftNode,
  doubtOf,
  freeNodeId,
  type Json,
  type NameChoice,
  nodeIdOf,
  nodeOf,
  prune,
  sourceOf,
  type Wiring,
} from './draft.ts';

/** What a `set` command changes, its names and values resolved. */
export interface Change {
  /** Only nodes of this task; null for all. */
  task: string | null;
  models: NameChoice[];
  datasets: DatasetChoice[];
  settings: Record<string, Json[]>;
  insteadOf: string | null;
}

/** A slot for a name: `model_name` of a step, or the loader's `dataset_path`. */
interface Slot {
  node: DraftNode;
  input: string;
  kind: 'model' | 'dataset';
}

/**
 * Answers what is open, or else replaces what is there. Pure. Inputs that no node of the plan takes come
 * back in `unplaced`.
 */
export function changeDraft(base: Draft, change: Change, wiring: Wiring): { draft: Draft; unplaced: string[] } {
  const draft = structuredClone(base);
  const unplaced: string[] = [];
  if (change.models.length > 0 && !setModels(draft, change, wiring)) unplaced.push('model');
  if (change.datasets.length > 0 && !setDatasets(draft, change, wiring)) unplaced.push('dataset');
  for (const [input, values] of Object.entries(change.settings)) {
    if (!setValue(draft, change.task, input, values, wiring)) unplaced.push(input);
  }
  prune(draft);
  return { draft, unplaced };
}

export function modelSlots(draft: Draft, wiring: Wiring, task: string | null = null): Slot[] {
  return draft.nodes
    .filter((node) => task === null || node.task_name === task)
    .flatMap((node) => {
      const pair = wiring.modelInputs(wiring.task(node.task_name));
      if (pair === undefined || sourceOf(node, pair[1]) !== undefined) return [];
      return [{ node, input: pair[0], kind: 'model' as const }];
    });
}

export function datasetSlots(draft: Draft, wiring: Wiring): Slot[] {
  const loader = wiring.producer('dataset')?.name;
  return draft.nodes
    .filter(({ task_name }) => task_name === loader)
    .map((node) => ({ node, input: wiring.datasetInput, kind: 'dataset' as const }));
}

function isOpen({ node, input }: Slot): boolean {
  return node.inputs[input] === undefined;
}

function setModels(draft: Draft, change: Change, wiring: Wiring): boolean {
  const all = modelSlots(draft, wiring);
  const open = all.filter(isOpen);
  const [first, ...others] = change.models;
  if (first === undefined) return true;
  const slots = open.length > 0 && change.insteadOf === null ? open : replaced(all, change, draft);
  if (slots.length === 0) return false;
  for (const { node, input } of slots) assignName(draft, node, input, 'model', first);
  for (const other of others)
    repeatFrom(
      draft,
      slots.map(({ node }) => node.node_id),
      { model: other },
      wiring,
    );
  return true;
}

/** The slots that a new name takes over: those that hold what the user named, else those of the task, else all. */
function replaced(slots: readonly Slot[], change: Change, draft: Draft): Slot[] {
  const old = change.insteadOf;
  if (old !== null) {
    const holding = slots.filter(({ node, input }) => {
      const held = choiceAt(draft, node, input);
      return held !== undefined && ('name' in held ? held.name === old || held.said === old : held.said === old);
    });
    if (holding.length > 0) return holding;
  }
  const ofTask = slots.filter(({ node }) => node.task_name === change.task);
  return [...(ofTask.length > 0 ? ofTask : slots)];
}

function setDatasets(draft: Draft, change: Change, wiring: Wiring): boolean {
  const slots = datasetSlots(draft, wiring);
  const [first, ...others] = change.datasets;
  if (first === undefined) return true;
  const open = slots.filter(isOpen);
  if (slots.length === 0) return false;
  if (change.task !== null && open.length === 0) return setTaskDataset(draft, change.task, first, wiring);
  const chosen = first.name === undefined ? slots : open.length > 0 ? open : replaced(slots, change, draft);
  for (const { node, input } of chosen) {
    if (first.name !== undefined) assignName(draft, node, input, 'dataset', first.name);
    Object.assign(node.inputs, first.inputs);
  }
  for (const other of others)
    repeatFrom(
      draft,
      chosen.map(({ node }) => node.node_id),
      { dataset: other },
      wiring,
    );
  mergeLoaders(draft, wiring);
  return true;
}

/** Another dataset for the nodes of one task; nodes of other tasks keep theirs. */
function setTaskDataset(draft: Draft, task: string, dataset: DatasetChoice, wiring: Wiring): boolean {
  const loaders = new Set<DraftNode>();
  for (const node of draft.nodes.filter(({ task_name }) => task_name === task)) {
    const field = wiring.inputOfKind(wiring.task(task), 'dataset');
    const loader = field && nodeOf(draft, sourceOf(node, field.name));
    if (field === undefined) continue;
    const own = copyLoader(draft, loader, wiring);
    loaders.add(own);
    connect(wiring, draft, node, field.name, own.node_id);
  }
  for (const loader of loaders) {
    if (dataset.name !== undefined) assignName(draft, loader, wiring.datasetInput, 'dataset', dataset.name);
    Object.assign(loader.inputs, dataset.inputs);
  }
  mergeLoaders(draft, wiring);
  return loaders.size > 0;
}

function copyLoader(draft: Draft, loader: DraftNode | undefined, wiring: Wiring): DraftNode {
  const task = wiring.producer('dataset')?.name ?? '';
  const copy: DraftNode = {
    node_id: freeNodeId(draft, task, 'other'),
    task_name: task,
    inputs: { ...loader?.inputs },
    input_mappings: {},
    asked: false,
  };
  draft.nodes.push(copy);
  return copy;
}

/** One loader a distinct dataset, also after a change. */
function mergeLoaders(draft: Draft, wiring: Wiring): void {
  const first = new Map<string, DraftNode>();
  for (const { node } of datasetSlots(draft, wiring)) {
    if (node.inputs[wiring.datasetInput] === undefined) continue;
    const key = JSON.stringify(Object.entries(node.inputs).sort());
    const kept = first.get(key);
    if (kept === undefined) first.set(key, node);
    else replaceSource(draft, node.node_id, kept.node_id);
  }
  prune(draft);
}

function replaceSource(draft: Draft, from: string, to: string): void {
  for (const node of draft.nodes) {
    node.input_mappings = Object.fromEntries(
      Object.entries(node.input_mappings).map(([key, input]) =>
        nodeIdOf(key) === from ? [`${to}${key.slice(from.length)}`, input] : [key, input],
      ),
    );
  }
  const gone = nodeOf(draft, from);
  if (gone !== undefined) draft.nodes = draft.nodes.filter((node) => node !== gone);
}

function setValue(draft: Draft, task: string | null, input: string, values: Json[], wiring: Wiring): boolean {
  const takers = draft.nodes.filter((node) => wiring.task(node.task_name).inputFields.has(input));
  const ofTask = takers.filter(({ task_name }) => task_name === task);
  const pool = ofTask.length > 0 ? ofTask : takers;
  // A limit that both the loader and a step take belongs to the loader unless the step was named.
  const loaders = pool.filter(({ task_name }) => task_name === wiring.producer('dataset')?.name);
  const chosen = ofTask.length === 0 && loaders.length > 0 ? loaders : pool;
  const [first, ...others] = values;
  if (first === undefined || chosen.length === 0) return chosen.length > 0;
  for (const node of chosen) node.inputs[input] = first;
  for (const value of others) {
    repeatFrom(
      draft,
      chosen.map(({ node_id }) => node_id),
      { inputs: { [input]: value } },
      wiring,
    );
  }
  return true;
}

/** Takes the nodes of these tasks out; what took their model takes the model they took. */
export function dropTasks(base: Draft, tasks: readonly string[], wiring: Wiring): Draft {
  const draft = structuredClone(base);
  for (const node of draft.nodes.filter(({ task_name }) => tasks.includes(task_name))) bypass(draft, node, wiring);
  draft.nodes = draft.nodes.filter(({ task_name }) => !tasks.includes(task_name));
  prune(draft);
  return draft;
}

function bypass(draft: Draft, gone: DraftNode, wiring: Wiring): void {
  const pair = wiring.modelInputs(wiring.task(gone.task_name));
  const source = pair && sourceOf(gone, pair[1]);
  for (const node of draft.nodes) {
    const feeds = Object.entries(node.input_mappings).filter(([key]) => nodeIdOf(key) === gone.node_id);
    for (const [key, input] of feeds) {
      delete node.input_mappings[key];
      const own = wiring.modelInputs(wiring.task(node.task_name));
      if (own === undefined || own[1] !== input) continue;
      if (source !== undefined) connect(wiring, draft, node, input, source);
      else if (pair !== undefined) assignName(draft, node, own[0], 'model', choiceAt(draft, gone, pair[0]));
    }
  }
}

export interface Variation {
  model?: NameChoice;
  dataset?: DatasetChoice;
  inputs?: Record<string, Json>;
}

/** The plan once more, beside itself, for each of these models, datasets and values. Pure. */
export function repeatPlan(base: Draft, change: Omit<Change, 'task' | 'insteadOf'>, wiring: Wiring): Draft {
  const draft = structuredClone(base);
  const models: (NameChoice | undefined)[] = change.models.length > 0 ? change.models : [undefined];
  const datasets: (DatasetChoice | undefined)[] = change.datasets.length > 0 ? change.datasets : [undefined];
  const roots = rootsOfRepeat(base, change, wiring);
  for (const model of models) {
    for (const dataset of datasets) {
      for (const inputs of combinations(change.settings)) {
        repeatFrom(draft, roots, { ...(model && { model }), ...(dataset && { dataset }), inputs }, wiring);
      }
    }
  }
  prune(draft);
  return draft;
}

/** Where the second run begins: at the steps that take what is varied, and only for one of several variants. */
function rootsOfRepeat(draft: Draft, change: Omit<Change, 'task' | 'insteadOf'>, wiring: Wiring): string[] {
  if (change.models.length === 0 && change.datasets.length > 0) {
    return datasetSlots(draft, wiring)
      .slice(0, 1)
      .map(({ node }) => node.node_id);
  }
  if (change.models.length === 0) {
    const inputs = Object.keys(change.settings);
    return draft.nodes
      .filter(({ task_name }) => inputs.some((input) => wiring.task(task_name).inputFields.has(input)))
      .map(({ node_id }) => node_id);
  }
  const slots = modelSlots(draft, wiring);
  const first = slots[0] && choiceAt(draft, slots[0].node, slots[0].input);
  return slots
    .filter(({ node, input }) => JSON.stringify(choiceAt(draft, node, input)) === JSON.stringify(first))
    .map(({ node }) => node.node_id);
}

/** Copies these nodes and all that follow from them, with something varied at the start. */
function repeatFrom(draft: Draft, roots: readonly string[], variation: Variation, wiring: Wiring): void {
  const originals = withFollowers(draft, roots).filter(
    ({ task_name }) => wiring.task(task_name).type === 'MACROTASK' || task_name === wiring.producer('dataset')?.name,
  );
  const copies = new Map<string, string>();
  for (const original of originals) {
    const hint = hintOf(variation);
    const copy: DraftNode = { ...structuredClone(original), node_id: freeNodeId(draft, original.task_name, hint) };
    copies.set(original.node_id, copy.node_id);
    draft.nodes.push(copy);
    if (roots.includes(original.node_id)) vary(draft, copy, variation, wiring);
    for (const { input, kind, said, options } of draft.doubts.filter(({ node_id }) => node_id === original.node_id)) {
      if (copy.inputs[input] !== undefined || doubtOf(draft, copy.node_id, input)) continue;
      draft.doubts.push({ node_id: copy.node_id, input, kind, said, options });
    }
  }
  rewire(draft, copies);
  mergeLoaders(draft, wiring);
}

function vary(draft: Draft, copy: DraftNode, { model, dataset, inputs }: Variation, wiring: Wiring): void {
  const task = wiring.task(copy.task_name);
  const pair = wiring.modelInputs(task);
  if (model && pair) assignName(draft, copy, pair[0], 'model', model);
  if (dataset && task === wiring.producer('dataset')) {
    if (dataset.name) assignName(draft, copy, wiring.datasetInput, 'dataset', dataset.name);
    Object.assign(copy.inputs, dataset.inputs);
  }
  for (const [input, value] of Object.entries(inputs ?? {})) {
    if (task.inputFields.has(input)) copy.inputs[input] = value;
  }
}

function rewire(draft: Draft, copies: ReadonlyMap<string, string>): void {
  for (const id of copies.values()) {
    const copy = nodeOf(draft, id);
    if (copy === undefined) continue;
    copy.input_mappings = Object.fromEntries(
      Object.entries(copy.input_mappings).map(([key, input]) => {
        const from = nodeIdOf(key);
        return [`${copies.get(from) ?? from}${key.slice(from.length)}`, input];
      }),
    );
  }
}

function withFollowers(draft: Draft, roots: readonly string[]): DraftNode[] {
  const found = new Set(roots);
  let before = -1;
  while (found.size !== before) {
    before = found.size;
    for (const node of draft.nodes) {
      if (Object.keys(node.input_mappings).some((key) => found.has(nodeIdOf(key)))) found.add(node.node_id);
    }
  }
  return draft.nodes.filter(({ node_id }) => found.has(node_id));
}

function hintOf({ model, dataset, inputs }: Variation): string {
  const name = model ?? dataset?.name;
  if (name !== undefined) return ('name' in name ? name.name : name.said).split(/[/:]/).at(-1) ?? '';
  return Object.entries(inputs ?? {})
    .map(([key, value]) => `${key} ${String(value)}`)
    .join(' ');
}
