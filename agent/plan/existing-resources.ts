/** Resources that earlier runs returned and that a message names by their ids: `model_7be1`, `ds_12ab`. */
import type { PipelineNode } from '../../src/core/pipeline.ts';
import { type ResourceKind, resourcePrefixes } from '../../src/core/task.ts';
import type { Wiring } from './draft.ts';

/** Whether a text is the id of a resource of this kind. */
export function isResourceId(text: string, kind: ResourceKind): boolean {
  return new RegExp(`^${resourcePrefixes[kind]}_[a-z0-9]+$`).test(text);
}

/** The kind of resource that an id names. */
export function kindOfId(id: string): ResourceKind | undefined {
  return (Object.keys(resourcePrefixes) as ResourceKind[]).find((kind) => isResourceId(id, kind));
}

/**
 * In a draft an id stands where a name would: as `model_name`, or as what a loader loads. Here it moves to the input
 * that takes ids, and a loader that would load what there is already goes.
 */
export function withIds(nodes: readonly PipelineNode[], wiring: Wiring): PipelineNode[] {
  const ids = new Map(nodes.flatMap((node) => idLoaded(node, nodes, wiring) ?? []));
  return nodes.filter(({ node_id }) => !ids.has(node_id)).map((node) => withModelId(withoutLoaders(node, ids), wiring));
}

/** What a node loads, where that is an id and another node takes it. */
function idLoaded(node: PipelineNode, nodes: readonly PipelineNode[], wiring: Wiring): [string, string][] | undefined {
  const [output] = wiring.task(node.task_name).outputFields.values();
  const kind = output?.resourceKind;
  if (wiring.task(node.task_name).type !== 'MICROSERVICE' || output === undefined || kind === undefined)
    return undefined;
  const id = Object.values(node.inputs ?? {})
    .flat()
    .find((value) => typeof value === 'string' && isResourceId(value, kind));
  const isTaken = nodes.some(({ input_mappings }) => `${node.node_id}.${output.name}` in (input_mappings ?? {}));
  return typeof id === 'string' && isTaken ? [[node.node_id, id]] : undefined;
}

function withoutLoaders(node: PipelineNode, ids: ReadonlyMap<string, string>): PipelineNode {
  const inputs = { ...node.inputs };
  const mappings = { ...node.input_mappings };
  for (const [key, input] of Object.entries(mappings)) {
    const id = ids.get(key.slice(0, key.lastIndexOf('.')));
    if (id === undefined) continue;
    inputs[input] = id;
    delete mappings[key];
  }
  return { ...node, inputs, input_mappings: mappings };
}

function withModelId(node: PipelineNode, wiring: Wiring): PipelineNode {
  const [byName, byId] = wiring.modelInputs(wiring.task(node.task_name)) ?? [];
  const { [byName ?? '']: named, ...others } = node.inputs ?? {};
  if (byId === undefined || typeof named !== 'string' || !isResourceId(named, 'model')) return node;
  return { ...node, inputs: { ...others, [byId]: named } };
}
