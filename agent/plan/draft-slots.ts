/** The places of a plan that take a name, and the loaders behind them. */
import {
  assignName,
  type DatasetChoice,
  type Draft,
  type DraftNode,
  freeNodeId,
  nodeIdOf,
  nodeOf,
  prune,
  sourceOf,
  type Wiring,
} from './draft.ts';

/** A slot for a name: `model_name` of a step, or the loader's `dataset_path`. */
export interface Slot {
  node: DraftNode;
  input: string;
}

export function modelSlots(draft: Draft, wiring: Wiring): Slot[] {
  return draft.nodes.flatMap((node) => {
    const pair = wiring.modelInputs(wiring.task(node.task_name));
    return pair === undefined || sourceOf(node, pair[1]) !== undefined ? [] : [{ node, input: pair[0] }];
  });
}

export function datasetSlots(draft: Draft, wiring: Wiring): Slot[] {
  const loader = wiring.producer('dataset')?.name;
  return draft.nodes
    .filter(({ task_name }) => task_name === loader)
    .map((node) => ({ node, input: wiring.datasetInput }));
}

export function isOpen({ node, input }: Slot): boolean {
  return node.inputs[input] === undefined;
}

export function copyLoader(draft: Draft, loader: DraftNode | undefined, wiring: Wiring): DraftNode {
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

/** Gives a loader another dataset, or another part of the one it has. */
export function fillLoader(draft: Draft, loader: DraftNode, { name, inputs }: DatasetChoice, wiring: Wiring): void {
  if (name !== undefined) assignName(draft, loader, wiring.datasetInput, 'dataset', name);
  Object.assign(loader.inputs, inputs);
}

/** One loader a distinct dataset, also after a change. */
export function mergeLoaders(draft: Draft, wiring: Wiring): void {
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

/** One node a distinct step, also after a change has made two of them equal. */
export function mergeTwins(draft: Draft): void {
  const keyOf = ({ task_name, inputs, input_mappings }: DraftNode) =>
    JSON.stringify([task_name, Object.entries(inputs).sort(), Object.entries(input_mappings).sort()]);
  for (let count = -1; count !== draft.nodes.length; ) {
    count = draft.nodes.length;
    const first = new Map<string, DraftNode>();
    for (const node of draft.nodes.filter(({ node_id }) => !hasDoubt(draft, node_id))) {
      const kept = first.get(keyOf(node));
      if (kept === undefined) first.set(keyOf(node), node);
      else replaceSource(draft, node.node_id, kept.node_id);
    }
  }
}

function hasDoubt({ doubts }: Draft, id: string): boolean {
  return doubts.some(({ node_id }) => node_id === id);
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
