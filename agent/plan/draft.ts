/** A plan in the making, and the small moves that all building and changing consists of. */
import { z } from 'zod';
import type { Pipeline } from '../../src/core/pipeline.ts';
import type { Catalogue, Field, ResourceKind, Task } from '../../src/core/task.ts';
import type { NameKind } from '../aliases.ts';
import { withIds } from './existing-resources.ts';

const draftNodeSchema = z.object({
  node_id: z.string(),
  task_name: z.string(),
  inputs: z.record(z.string(), z.json()),
  input_mappings: z.record(z.string(), z.string()),
  /** The user asked for this node itself; one put in to feed another goes when nothing needs it any more. */
  asked: z.boolean(),
});
export type DraftNode = z.infer<typeof draftNodeSchema>;

const doubtSchema = z.object({
  node_id: z.string(),
  input: z.string(),
  kind: z.enum(['model', 'dataset']),
  /** What the user wrote, and the names it may stand for (none where it is unknown). */
  said: z.string(),
  options: z.array(z.string()),
});
export type Doubt = z.infer<typeof doubtSchema>;

/** A plan in the making: the nodes of a pipeline, of which some may still miss an input. */
export const draftSchema = z.object({
  nodes: z.array(draftNodeSchema),
  doubts: z.array(doubtSchema),
  /** It has steps that the user did not name as such, and starts when the user says so. */
  unconfirmed: z.boolean().optional(),
  /** Order beyond what the mappings say; only a pipeline that the user brought along has any. */
  edges: z.array(z.object({ from: z.string(), to: z.string() })).optional(),
});
export type Draft = z.infer<typeof draftSchema>;

export const emptyDraft: Draft = { nodes: [], doubts: [] };

/** A name that is settled, or one that the user has to settle. */
export type NameChoice = { said: string; name: string } | { said: string; options: string[] };

export interface DatasetChoice {
  name?: NameChoice;
  inputs: Record<string, z.core.util.JSONType>;
}

export type Json = z.core.util.JSONType;

/** How the catalogue's tasks fit together, read from the kinds of their inputs and outputs. */
export interface Wiring {
  task(name: string): Task;
  /** The microservice that makes a resource of this kind. */
  producer(kind: ResourceKind): Task | undefined;
  /** The input of the dataset's producer that names it. */
  datasetInput: string;
  /** The pair of inputs that take a model by name or by id. */
  modelInputs(task: Task): readonly [string, string] | undefined;
  inputOfKind(task: Task, kind: ResourceKind): Field | undefined;
  outputOfKind(task: Task, kind: ResourceKind): Field | undefined;
}

export function createWiring(catalogue: Catalogue): Wiring {
  const tasks = [...catalogue.values()];
  const ofKind = (fields: ReadonlyMap<string, Field>, kind: ResourceKind) =>
    [...fields.values()].find((field) => field.resourceKind === kind);
  const producers = new Map<string, Task>();
  for (const task of tasks.filter(({ type }) => type === 'MICROSERVICE')) {
    for (const { resourceKind } of task.outputFields.values()) {
      if (resourceKind !== undefined) producers.set(resourceKind, task);
    }
  }
  const loader = producers.get('dataset');
  return {
    task: (name) => {
      const task = catalogue.get(name);
      if (task === undefined) throw new Error(`a draft names the task "${name}", which the catalogue lacks`);
      return task;
    },
    producer: (kind) => producers.get(kind),
    datasetInput: [...(loader?.inputFields.values() ?? [])].find(({ required }) => required)?.name ?? '',
    modelInputs: (task) =>
      task.exactlyOneOf.find(([, second]) => task.inputFields.get(second)?.resourceKind === 'model'),
    inputOfKind: (task, kind) => ofKind(task.inputFields, kind),
    outputOfKind: (task, kind) => ofKind(task.outputFields, kind),
  };
}

/** The node and output that an input is mapped from. */
export function sourceOf(node: DraftNode, input: string): string | undefined {
  const key = Object.keys(node.input_mappings).find((mapping) => node.input_mappings[mapping] === input);
  return key?.slice(0, key.lastIndexOf('.'));
}

/** Lets an input come from a node's output; what the input had before goes. */
export function connect(wiring: Wiring, draft: Draft, node: DraftNode, input: string, from: string): void {
  disconnect(node, input);
  delete node.inputs[input];
  const source = nodeOf(draft, from);
  const kind = wiring.task(node.task_name).inputFields.get(input)?.resourceKind;
  const output = kind && source && wiring.outputOfKind(wiring.task(source.task_name), kind);
  if (output) node.input_mappings[`${from}.${output.name}`] = input;
}

export function disconnect(node: DraftNode, input: string): void {
  for (const [key, mapped] of Object.entries(node.input_mappings)) {
    if (mapped === input) delete node.input_mappings[key];
  }
}

export function nodeOf(draft: Draft, node_id: string | undefined): DraftNode | undefined {
  return draft.nodes.find((node) => node.node_id === node_id);
}

export function doubtOf(draft: Draft, node_id: string, input: string): Doubt | undefined {
  return draft.doubts.find((doubt) => doubt.node_id === node_id && doubt.input === input);
}

/** Gives a node a name where it is settled; else the input stays empty and the doubt is noted. */
export function assignName(
  draft: Draft,
  node: DraftNode,
  input: string,
  kind: NameKind,
  choice: NameChoice | undefined,
): void {
  draft.doubts = draft.doubts.filter((doubt) => doubt.node_id !== node.node_id || doubt.input !== input);
  delete node.inputs[input];
  if (choice === undefined) return;
  if ('name' in choice) node.inputs[input] = choice.name;
  else draft.doubts.push({ node_id: node.node_id, input, kind, said: choice.said, options: choice.options });
}

export function choiceAt(draft: Draft, node: DraftNode, input: string): NameChoice | undefined {
  const value = node.inputs[input];
  if (typeof value === 'string') return { said: value, name: value };
  const doubt = doubtOf(draft, node.node_id, input);
  return doubt && { said: doubt.said, options: doubt.options };
}

/** Takes out what was only put in to feed a node that is gone, and doubts about such nodes. */
export function prune(draft: Draft): void {
  const used = new Set(draft.nodes.flatMap((node) => Object.keys(node.input_mappings).map(nodeIdOf)));
  draft.nodes = draft.nodes.filter((node) => node.asked || used.has(node.node_id));
  const left = new Set(draft.nodes.map(({ node_id }) => node_id));
  draft.doubts = draft.doubts.filter(({ node_id }) => left.has(node_id));
  if (draft.edges) draft.edges = draft.edges.filter(({ from, to }) => left.has(from) && left.has(to));
}

export function nodeIdOf(mapping: string): string {
  return mapping.slice(0, mapping.lastIndexOf('.'));
}

/** A node id that says what the node is for, without dots: `evaluate`, then `evaluate_base`. */
export function freeNodeId(draft: Draft, task: string, hint: string): string {
  const taken = new Set(draft.nodes.map(({ node_id }) => node_id));
  const slug = hint
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 40);
  const wanted = slug === '' ? task : `${task}_${slug}`;
  for (const id of [task, wanted]) if (!taken.has(id)) return id;
  let count = 2;
  while (taken.has(`${wanted}_${count}`)) count++;
  return `${wanted}_${count}`;
}

export function toPipeline(draft: Draft, wiring: Wiring): Pipeline {
  const nodes = inOrder(draft.nodes);
  const steps = nodes.filter(({ task_name }) => wiring.task(task_name).type === 'MACROTASK');
  const named = steps.length > 0 ? steps : nodes;
  return {
    name: [...new Set(named.map(({ task_name }) => task_name))].join('_'),
    nodes: withIds(
      nodes.map(({ node_id, task_name, inputs, input_mappings }) => ({ node_id, task_name, inputs, input_mappings })),
      wiring,
    ),
    ...(draft.edges && draft.edges.length > 0 && { edges: draft.edges }),
  };
}

/** Sources before what they feed; otherwise as the steps were asked for. */
function inOrder(nodes: readonly DraftNode[]): DraftNode[] {
  const placed = new Map<string, DraftNode>();
  const byId = new Map(nodes.map((node) => [node.node_id, node]));
  const place = (node: DraftNode): void => {
    if (placed.has(node.node_id)) return;
    for (const key of Object.keys(node.input_mappings)) {
      const source = byId.get(nodeIdOf(key));
      if (source !== undefined) place(source);
    }
    placed.set(node.node_id, node);
  };
  for (const node of nodes) place(node);
  return [...placed.values()];
}
