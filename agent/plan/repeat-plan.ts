/** The plan once more, beside itself, with something varied. */
import { combinations, limitSteps } from './combinations.ts';
import {
  assignName,
  choiceAt,
  connect,
  type DatasetChoice,
  type Draft,
  type DraftNode,
  freeNodeId,
  type Json,
  type NameChoice,
  nodeIdOf,
  prune,
  sourceOf,
  type Wiring,
} from './draft.ts';
import { copyLoader, datasetSlots, fillLoader, mergeLoaders, mergeTwins, modelSlots } from './draft-slots.ts';

/** What a second run varies, its names and values resolved. */
export interface Repetition {
  models: NameChoice[];
  datasets: DatasetChoice[];
  settings: Record<string, Json[]>;
}

/** What a `repeat` command varies. */
export interface Repeating extends Repetition {
  /** Only from the steps of this task on; null for the whole plan. */
  task: string | null;
}

/** One of the ways to vary it. */
interface Variation {
  model?: NameChoice;
  dataset?: DatasetChoice;
  inputs?: Record<string, Json>;
}

/** The plan once more, beside itself, for each of these models, datasets and values. Pure. */
export function repeatPlan(base: Draft, change: Repeating, wiring: Wiring): Draft {
  const draft = structuredClone(base);
  const steps = change.task === null ? [] : withOwnData(draft, change.task, wiring);
  if (steps.length > 0) repeatSteps(draft, steps, change, wiring);
  else {
    const roots = rootsOf(draft, change, wiring);
    for (const variation of variationsOf(change)) repeatFrom(draft, roots, variation, wiring);
  }
  mergeTwins(draft);
  prune(draft);
  return draft;
}

/** The steps of a task whose data no step before them has: one for each model where they have several datasets. */
function withOwnData(draft: Draft, task: string, wiring: Wiring): DraftNode[] {
  const field = wiring.inputOfKind(wiring.task(task), 'dataset');
  if (field === undefined) return [];
  const loaders = new Set(
    draft.nodes
      .filter(({ task_name }) => task_name !== task)
      .flatMap(({ input_mappings }) => Object.keys(input_mappings).map(nodeIdOf)),
  );
  const own = draft.nodes.filter((node) => node.task_name === task && !loaders.has(sourceOf(node, field.name) ?? ''));
  const feeds = own.some(({ node_id }) =>
    draft.nodes.some((node) => Object.keys(node.input_mappings).some((key) => nodeIdOf(key) === node_id)),
  );
  const alone =
    own.length > 0 &&
    own.length === draft.nodes.filter(({ task_name }) => wiring.task(task_name).type === 'MACROTASK').length;
  if (feeds || alone) return [];
  const withoutData = (node: DraftNode) =>
    JSON.stringify([node.inputs, Object.entries(node.input_mappings).filter(([, input]) => input !== field.name)]);
  return [...new Map(own.map((node) => [withoutData(node), node])).values()];
}

/** The same steps on other data, beside those that are there. */
function repeatSteps(draft: Draft, steps: readonly DraftNode[], { datasets }: Repetition, wiring: Wiring): void {
  for (const dataset of datasets) {
    for (const step of steps) {
      const field = wiring.inputOfKind(wiring.task(step.task_name), 'dataset');
      const loader = copyLoader(draft, undefined, wiring);
      fillLoader(draft, loader, dataset, wiring);
      const copy = copyNode(draft, step, hintOf({ dataset }));
      if (field !== undefined) connect(wiring, draft, copy, field.name, loader.node_id);
    }
  }
  mergeLoaders(draft, wiring);
}

function variationsOf({ models, datasets, settings }: Repetition): Variation[] {
  const withModels: Variation[] = models.length === 0 ? [{}] : models.map((model) => ({ model }));
  const withDatasets: Variation[] = datasets.length === 0 ? [{}] : datasets.map((dataset) => ({ dataset }));
  return withModels.flatMap((one) =>
    withDatasets.flatMap((other) => combinations(settings).map((inputs) => ({ ...one, ...other, inputs }))),
  );
}

/** Where the second run begins: at the steps that take what is varied, and only for one of several variants. */
function rootsOf(draft: Draft, { models, datasets, settings }: Repetition, wiring: Wiring): DraftNode[] {
  if (models.length > 0) {
    const slots = modelSlots(draft, wiring);
    const held = slots.map(({ node, input }) => JSON.stringify(choiceAt(draft, node, input)));
    return slots.filter((_, index) => held[index] === held[0]).map(({ node }) => node);
  }
  if (datasets.length > 0) {
    return datasetSlots(draft, wiring)
      .slice(0, 1)
      .map(({ node }) => node);
  }
  const varied = Object.keys(settings);
  const takers = draft.nodes.filter((node) =>
    varied.some((input) => wiring.task(node.task_name).inputFields.has(input)),
  );
  return [...new Map(takers.toReversed().map((node) => [withoutInputs(node, varied), node])).values()].toReversed();
}

/** What two variants of one step have in common. */
function withoutInputs({ task_name, inputs, input_mappings }: DraftNode, varied: readonly string[]): string {
  const kept = Object.entries(inputs).filter(([input]) => !varied.includes(input));
  return JSON.stringify([task_name, kept.sort(), input_mappings]);
}

/** Copies these nodes and all that follow from them, with something varied at the start. */
export function repeatFrom(draft: Draft, roots: readonly DraftNode[], variation: Variation, wiring: Wiring): void {
  const loader = wiring.producer('dataset')?.name;
  const originals = withFollowers(draft, roots).filter(
    ({ task_name }) => task_name === loader || wiring.task(task_name).type === 'MACROTASK',
  );
  limitSteps(draft.nodes.length + originals.length);
  const copies = new Map(originals.map((original) => [original.node_id, copyNode(draft, original, hintOf(variation))]));
  for (const { node_id } of roots) {
    const copy = copies.get(node_id);
    if (copy !== undefined) vary(draft, copy, variation, wiring);
  }
  for (const copy of copies.values()) rewire(copy, copies);
  mergeLoaders(draft, wiring);
}

/** A node once more, with the doubts that it has. */
function copyNode(draft: Draft, original: DraftNode, hint: string): DraftNode {
  const copy: DraftNode = { ...structuredClone(original), node_id: freeNodeId(draft, original.task_name, hint) };
  draft.nodes.push(copy);
  const doubts = draft.doubts.filter(({ node_id }) => node_id === original.node_id);
  draft.doubts.push(...doubts.map((doubt) => ({ ...doubt, node_id: copy.node_id })));
  return copy;
}

function vary(draft: Draft, copy: DraftNode, { model, dataset, inputs = {} }: Variation, wiring: Wiring): void {
  const task = wiring.task(copy.task_name);
  const pair = wiring.modelInputs(task);
  if (model && pair) assignName(draft, copy, pair[0], 'model', model);
  if (dataset && task === wiring.producer('dataset')) fillLoader(draft, copy, dataset, wiring);
  for (const [input, value] of Object.entries(inputs)) if (task.inputFields.has(input)) copy.inputs[input] = value;
}

/** Lets a copy take from copies what its original took from originals. */
function rewire(copy: DraftNode, copies: ReadonlyMap<string, DraftNode>): void {
  copy.input_mappings = Object.fromEntries(
    Object.entries(copy.input_mappings).map(([key, input]) => {
      const from = nodeIdOf(key);
      return [`${copies.get(from)?.node_id ?? from}${key.slice(from.length)}`, input];
    }),
  );
}

function withFollowers(draft: Draft, roots: readonly DraftNode[]): DraftNode[] {
  const found = new Set(roots.map(({ node_id }) => node_id));
  for (let before = -1; found.size !== before; ) {
    before = found.size;
    for (const { node_id, input_mappings } of draft.nodes) {
      if (Object.keys(input_mappings).some((key) => found.has(nodeIdOf(key)))) found.add(node_id);
    }
  }
  return draft.nodes.filter(({ node_id }) => found.has(node_id));
}

function hintOf({ model, dataset, inputs = {} }: Variation): string {
  const name = model ?? dataset?.name;
  if (name !== undefined) return ('name' in name ? name.name : name.said).split(/[/:]/).at(-1) ?? '';
  return Object.entries(inputs)
    .map(([input, value]) => `${input} ${String(value)}`)
    .join(' ');
}
