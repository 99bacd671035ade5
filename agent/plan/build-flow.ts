/** Where a plan stands while steps are added to it: its newest models, loader and resources. */

import type { ResourceKind, Task } from '../../src/core/task.ts';
import { limitSteps } from './combinations.ts';
import {
  choiceAt,
  type DatasetChoice,
  type Draft,
  type DraftNode,
  freeNodeId,
  type Json,
  type NameChoice,
  sourceOf,
  type Wiring,
} from './draft.ts';
import type { Selection } from './select-nodes.ts';

/** A step whose names and values are resolved: what `addSteps` turns into nodes. */
export interface PlanStep {
  task: Task;
  models: NameChoice[];
  /** Models of the plan that it refers to; see `stepSchema`. */
  modelFrom: string[];
  datasets: DatasetChoice[];
  /** Values by input; several values of one input fan out. */
  settings: Record<string, Json[]>;
  /** The variants of the plan whose models it takes. */
  of?: Selection | null;
  /** The task of the plan that it goes before: those nodes then take what it makes. */
  before?: string | null;
  /** The task of the plan whose place it takes. */
  inPlaceOf?: string | null;
}

/** A model in the plan: made by a node, or a name that may still be open. */
export type ModelRef = { node: string } | { choice: NameChoice | undefined };

export interface Flow {
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

export const providable: readonly ResourceKind[] = ['lora', 'config', 'environment'];

/** Where a draft stands, so that further steps can go on from it. */
export function readFlow(draft: Draft, wiring: Wiring): Flow {
  const makers = draft.nodes.filter((node) => makesModel(wiring, node));
  const named = draft.nodes.filter((node) => node.asked && !makers.includes(node));
  const loader = wiring.producer('dataset')?.name;
  return {
    wiring,
    draft,
    frontier: frontierOf(makers, wiring),
    subject: distinct(named.map((node) => refOf(wiring, draft, node)).filter((ref) => ref !== undefined)),
    made: makers.map(({ node_id }) => node_id),
    newestLoader: draft.nodes.findLast(({ task_name }) => task_name === loader)?.node_id,
    provided: providedIn(draft, wiring),
    ahead: [],
    servesExisting: false,
  };
}

/** The newest model, and those of the same task that nothing was made from either. */
function frontierOf(makers: readonly DraftNode[], wiring: Wiring): ModelRef[] {
  const last = makers.at(-1);
  const consumed = new Set(makers.map((node) => modelSource(wiring, node)));
  const siblings = makers.filter(({ node_id, task_name }) => !consumed.has(node_id) && task_name === last?.task_name);
  return (siblings.length > 0 ? siblings : makers.slice(-1)).map(({ node_id }) => ({ node: node_id }));
}

/** The newest node that makes a resource, of each kind that serves all steps after it. */
function providedIn(draft: Draft, wiring: Wiring): Map<ResourceKind, string> {
  const provided = new Map<ResourceKind, string>();
  for (const kind of providable) {
    const node = draft.nodes.findLast(({ task_name }) => task_name === wiring.producer(kind)?.name);
    if (node !== undefined) provided.set(kind, node.node_id);
  }
  return provided;
}

export function makesModel(wiring: Wiring, node: DraftNode): boolean {
  return wiring.outputOfKind(wiring.task(node.task_name), 'model') !== undefined;
}

function modelSource(wiring: Wiring, node: DraftNode): string | undefined {
  const pair = wiring.modelInputs(wiring.task(node.task_name));
  return pair && sourceOf(node, pair[1]);
}

/** The model that a node takes. */
export function refOf(wiring: Wiring, draft: Draft, node: DraftNode): ModelRef | undefined {
  const pair = wiring.modelInputs(wiring.task(node.task_name));
  if (pair === undefined) return undefined;
  const source = sourceOf(node, pair[1]);
  return source === undefined ? { choice: choiceAt(draft, node, pair[0]) } : { node: source };
}

export function quantizes(task: Task): boolean {
  return task.inputFields.has('bits') && !task.inputFields.get('dataset_id')?.required;
}

export function distinct(refs: readonly ModelRef[]): ModelRef[] {
  return [...new Map(refs.map((ref) => [keyOf(ref), ref])).values()];
}

/** The same for refs that mean the same model. */
export function keyOf(ref: ModelRef): string {
  if ('node' in ref) return ref.node;
  return ref.choice && 'name' in ref.choice ? `=${ref.choice.name}` : `?${ref.choice?.said}`;
}

export function addNode(flow: Flow, task: Task, inputs: Record<string, Json>, hint: string, asked: boolean): DraftNode {
  limitSteps(flow.draft.nodes.length + 1);
  const node_id = freeNodeId(flow.draft, task.name, hint);
  const node: DraftNode = { node_id, task_name: task.name, inputs: { ...inputs }, input_mappings: {}, asked };
  flow.draft.nodes.push(node);
  return node;
}
