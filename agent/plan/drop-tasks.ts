/** Takes steps out of a plan and closes the gap that they leave. */
import { refOf } from './build-flow.ts';
import {
  assignName,
  choiceAt,
  connect,
  type Draft,
  type DraftNode,
  disconnect,
  nodeIdOf,
  prune,
  sourceOf,
  type Wiring,
} from './draft.ts';
import { mergeTwins } from './draft-slots.ts';
import { holders, modelNameOf, type Selection, selected, selectedOf, withFollowers } from './select-nodes.ts';

/** What a `drop` command takes out: all nodes of tasks, or variants; `keep` takes their siblings out. */
export interface Dropping {
  tasks: readonly string[];
  of: Selection | null;
  keep: boolean;
}

export function dropSteps(base: Draft, { tasks, of, keep }: Dropping, wiring: Wiring): Draft {
  const draft = structuredClone(base);
  if (of === null) bypassAll(draft, nodesOf(draft, tasks), wiring);
  else if (tasks.length > 0) dropOfTasks(draft, tasks, of, keep, wiring);
  else if (keep) remove(draft, siblingsOf(draft, of, wiring), wiring);
  else dropVariants(draft, of, wiring);
  mergeTwins(draft);
  prune(draft);
  return draft;
}

function nodesOf({ nodes }: Draft, tasks: readonly string[]): DraftNode[] {
  return nodes.filter(({ task_name }) => tasks.includes(task_name));
}

/** "skip the evaluation of the original"; with `keep`: "only evaluate the original". */
function dropOfTasks(draft: Draft, tasks: readonly string[], of: Selection, keep: boolean, wiring: Wiring): void {
  const chosen = selectedOf(draft, tasks, of, wiring);
  const gone = keep ? nodesOf(draft, tasks).filter((node) => !chosen.includes(node)) : chosen;
  const variants = gone.filter((node) => hasTwin(draft, node, gone, wiring));
  if (chosen.length === 0) return;
  remove(draft, variants, wiring);
  bypassAll(
    draft,
    gone.filter((node) => !variants.includes(node)),
    wiring,
  );
}

/** Whether another node of the task stays that takes the same model: one of several variants has no gap to close. */
function hasTwin(draft: Draft, node: DraftNode, gone: readonly DraftNode[], wiring: Wiring): boolean {
  const key = (one: DraftNode) => JSON.stringify(refOf(wiring, draft, one));
  return nodesOf(draft, [node.task_name]).some((other) => !gone.includes(other) && key(other) === key(node));
}

/** Variants go with all that is made from them; a step that has no variants leaves a gap to be closed. */
function dropVariants(draft: Draft, of: Selection, wiring: Wiring): void {
  const chosen = selected(draft, of, wiring);
  const steps = chosen.filter(({ task_name }) => wiring.task(task_name).type === 'MACROTASK');
  const all = draft.nodes.filter(({ task_name }) => wiring.task(task_name).type === 'MACROTASK');
  const [first] = holders(draft, of, wiring).flat();
  const held = holders(draft, of, wiring).flat();
  const alone = first !== undefined && nodesOf(draft, [first.task_name]).every((node) => held.includes(node));
  if (alone && first !== undefined && isInner(first, wiring)) bypassAll(draft, held, wiring);
  else if (steps.length < all.length) remove(draft, chosen, wiring);
  else narrowEnd(draft, of, wiring);
}

function isInner(node: DraftNode, wiring: Wiring): boolean {
  const pair = wiring.modelInputs(wiring.task(node.task_name));
  return pair !== undefined && sourceOf(node, pair[1]) !== undefined;
}

/** Where everything leans on what is to go: the last step goes where it has variants, else the name is asked anew. */
function narrowEnd(draft: Draft, of: Selection, wiring: Wiring): void {
  const last = draft.nodes.findLast(({ task_name }) => wiring.task(task_name).type === 'MACROTASK');
  const tasks = last === undefined ? [] : [last.task_name];
  const chosen = selectedOf(draft, tasks, of, wiring);
  if (chosen.length > 0 && chosen.length < nodesOf(draft, tasks).length) return remove(draft, chosen, wiring);
  for (const node of holders(draft, of, wiring).flat()) {
    if (of.models.includes(modelNameOf(draft, node, wiring))) delete node.inputs.model_name;
    if (of.datasets.length > 0) delete node.inputs[wiring.datasetInput];
    for (const input of Object.keys(of.settings)) delete node.inputs[input];
  }
}

/** The variants beside those selected: other names and values in the same places. */
function siblingsOf(draft: Draft, of: Selection, wiring: Wiring): DraftNode[] {
  const kept = selected(draft, of, wiring);
  const others = holders(draft, of, wiring).flatMap((held) => {
    const tasks = new Set(held.flatMap((node) => placesOf(draft, node)));
    return draft.nodes.filter(
      (node) =>
        !held.includes(node) && isVaried(node, held, of, wiring) && placesOf(draft, node).some((one) => tasks.has(one)),
    );
  });
  return withFollowers(draft, others, wiring).filter((node) => !kept.includes(node) || others.includes(node));
}

/** Where a node stands: its own task, and for what only feeds others the tasks that it feeds. */
function placesOf(draft: Draft, node: DraftNode): string[] {
  const fed = draft.nodes.filter(({ input_mappings }) =>
    Object.keys(input_mappings).some((key) => nodeIdOf(key) === node.node_id),
  );
  return node.task_name.startsWith('load_') ? fed.map(({ task_name }) => task_name) : [node.task_name];
}

function isVaried(node: DraftNode, held: readonly DraftNode[], of: Selection, wiring: Wiring): boolean {
  if (!held.some(({ task_name }) => task_name === node.task_name)) return false;
  if (of.modelFrom.length > 0 || node.task_name === wiring.producer('dataset')?.name) return true;
  const pair = wiring.modelInputs(wiring.task(node.task_name));
  const named = pair !== undefined && of.models.length > 0 && node.inputs[pair[0]] !== undefined;
  return named || Object.keys(of.settings).some((input) => node.inputs[input] !== undefined);
}

/** Takes nodes out and closes the gap: what took their model takes the model they took. */
function bypassAll(draft: Draft, gone: readonly DraftNode[], wiring: Wiring): void {
  for (const node of gone) bypass(draft, node, wiring);
  draft.nodes = draft.nodes.filter((node) => !gone.includes(node));
}

function remove(draft: Draft, gone: readonly DraftNode[], wiring: Wiring): void {
  const all = withFollowers(draft, gone, wiring);
  const ids = new Set(all.map(({ node_id }) => node_id));
  draft.nodes = draft.nodes.filter((node) => !all.includes(node));
  for (const node of draft.nodes) {
    for (const [key, input] of Object.entries(node.input_mappings)) if (ids.has(nodeIdOf(key))) disconnect(node, input);
  }
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
