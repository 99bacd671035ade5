/** Which nodes of a plan a selector means. */
import type { DraftNode, Json, Wiring } from './draft.ts';
import { choiceAt, type Draft, nodeIdOf, nodeOf, sourceOf } from './draft.ts';

/** A selector whose names and values are resolved. */
export interface Selection {
  models: string[];
  modelFrom: string[];
  datasets: string[];
  settings: Record<string, Json[]>;
}

/** One thing that nodes are told apart by: a name, a value or the model they take. */
type Holds = (node: DraftNode) => boolean;

/** The nodes that hold what is selected themselves, one list a thing: a node of each kind at most. */
export function holders(draft: Draft, selection: Selection, wiring: Wiring): DraftNode[][] {
  return tests(draft, selection, wiring)
    .map((holds) => draft.nodes.filter(holds))
    .filter((nodes) => nodes.length > 0);
}

function tests(draft: Draft, { models, datasets, settings, modelFrom }: Selection, wiring: Wiring): Holds[] {
  const loader = wiring.producer('dataset')?.name;
  return [
    ...(models.length > 0 ? [(node: DraftNode) => models.includes(modelNameOf(draft, node, wiring))] : []),
    ...(datasets.length > 0
      ? [(node: DraftNode) => node.task_name === loader && datasets.includes(nameAt(draft, node, wiring.datasetInput))]
      : []),
    ...Object.entries(settings).map(
      ([input, values]): Holds =>
        (node) =>
          values.some((value) => node.inputs[input] === value),
    ),
    ...modelFrom.map(
      (from): Holds =>
        (node) =>
          takesFrom(draft, node, from, wiring),
    ),
  ];
}

/** The model that a node names itself, or ''. */
export function modelNameOf(draft: Draft, node: DraftNode, wiring: Wiring): string {
  const pair = wiring.modelInputs(wiring.task(node.task_name));
  return pair === undefined || sourceOf(node, pair[1]) !== undefined ? '' : nameAt(draft, node, pair[0]);
}

function nameAt(draft: Draft, node: DraftNode, input: string): string {
  const held = choiceAt(draft, node, input);
  return held === undefined ? '' : 'name' in held ? held.name : held.said;
}

/** Whether a node that makes no model takes the base model, or one of a task: "the evaluation of the original". */
function takesFrom(draft: Draft, node: DraftNode, from: string, wiring: Wiring): boolean {
  const task = wiring.task(node.task_name);
  const pair = wiring.modelInputs(task);
  if (pair === undefined || wiring.outputOfKind(task, 'model') !== undefined) return false;
  const source = nodeOf(draft, sourceOf(node, pair[1]));
  const [side, wanted] = from.split(':');
  if (side === 'after') return source?.task_name === wanted;
  if (from === 'base') return source === undefined;
  return from === 'unquantized' && !(source !== undefined && wiring.task(source.task_name).inputFields.has('bits'));
}

/** These nodes and all that is made from them. A resource that a node can do without is no reason to follow. */
export function withFollowers(draft: Draft, roots: readonly DraftNode[], wiring: Wiring): DraftNode[] {
  const found = new Set(roots.map(({ node_id }) => node_id));
  for (let before = -1; found.size !== before; ) {
    before = found.size;
    for (const node of draft.nodes) {
      const follows = Object.entries(node.input_mappings).some(
        ([key, input]) => found.has(nodeIdOf(key)) && needs(node, input, wiring),
      );
      if (follows) found.add(node.node_id);
    }
  }
  return draft.nodes.filter(({ node_id }) => found.has(node_id));
}

function needs({ task_name }: DraftNode, input: string, wiring: Wiring): boolean {
  const field = wiring.task(task_name).inputFields.get(input);
  return field?.required === true || field?.resourceKind === 'model';
}

/** All nodes that hold what is selected or follow from what does; what is said of several things holds for all. */
export function selected(draft: Draft, selection: Selection, wiring: Wiring): DraftNode[] {
  const lists = holders(draft, selection, wiring).map((nodes) => withFollowers(draft, nodes, wiring));
  const [first = [], ...others] = lists;
  const common = first.filter((node) => others.every((list) => list.includes(node)));
  return common.length > 0 ? common : [...new Set(lists.flat())];
}

/** Those nodes of a task that are selected: by what they hold and take themselves, else by what they come from. */
export function selectedOf(draft: Draft, tasks: readonly string[], selection: Selection, wiring: Wiring): DraftNode[] {
  const ofTasks = draft.nodes.filter(({ task_name }) => tasks.includes(task_name));
  const lists = holders(draft, selection, wiring).map((nodes) => near(ofTasks, nodes, draft, wiring));
  const [first = [], ...others] = lists;
  return first.filter((node) => others.every((list) => list.includes(node)));
}

/** The candidates that hold it or take it as their data; else those that follow from what holds it. */
function near(candidates: DraftNode[], holding: DraftNode[], draft: Draft, wiring: Wiring): DraftNode[] {
  const ids = new Set(holding.map(({ node_id }) => node_id));
  const takesData = ({ task_name, input_mappings }: DraftNode) =>
    Object.entries(input_mappings).some(
      ([key, input]) =>
        ids.has(nodeIdOf(key)) && wiring.task(task_name).inputFields.get(input)?.resourceKind === 'dataset',
    );
  const direct = candidates.filter((node) => ids.has(node.node_id) || takesData(node));
  if (direct.length > 0) return direct;
  const following = withFollowers(draft, holding, wiring);
  return candidates.filter((node) => following.includes(node));
}
