import type { z } from 'zod';
import { type Fault, UserError } from './errors.ts';
import { suggestion } from './nearest-name.ts';
import { type Pipeline, type PipelineNode, type Policy, pipelineSchema } from './pipeline.ts';
import type { Catalogue, Field, Task } from './task.ts';

/** Where an input that another node provides comes from. */
export interface Source {
  node_id: string;
  output: string;
}

/** A node whose every input is accounted for. */
export interface CheckedNode {
  node_id: string;
  task: Task;
  /** Inputs known before the run: literals, then globals, then the schema's defaults. */
  values: Record<string, unknown>;
  /** Inputs that arrive from other nodes, by the input's name. */
  sources: Record<string, Source>;
  dependsOn: readonly string[];
  /** The node's own policy over the pipeline's. */
  policy: Policy;
}

/** A pipeline that passed every check, its nodes in an order in which they can run. */
export interface CheckedPipeline {
  pipeline: Pipeline;
  nodes: ReadonlyMap<string, CheckedNode>;
}

/**
 * Checks a pipeline as it came over the wire.
 * @throws UserError `invalid_pipeline` with every fault at once, each naming the node and the field.
 */
export function checkPipeline(input: unknown, catalogue: Catalogue): CheckedPipeline {
  const { pipeline, nodes, faults } = inspectPipeline(input, catalogue);
  if (pipeline === undefined || faults.length > 0) throw invalidPipeline(faults);
  return { pipeline, nodes };
}

/** Like `checkPipeline`, with the faults returned: missing inputs have the code `missing_input`. */
export function inspectPipeline(
  input: unknown,
  catalogue: Catalogue,
): { pipeline?: Pipeline; nodes: ReadonlyMap<string, CheckedNode>; faults: Fault[] } {
  if (isTooDeep(input)) {
    return { nodes: new Map(), faults: [{ code: 'wrong_shape', message: `the JSON is nested too deeply` }] };
  }
  const parsed = pipelineSchema.safeParse(input);
  if (!parsed.success) {
    return { nodes: new Map(), faults: parsed.error.issues.map((issue) => shapeFault(input, issue)) };
  }
  const pipeline = parsed.data;
  const faults: Fault[] = [];
  const nodes = readNodes(pipeline, catalogue, faults);
  checkGlobals(pipeline, catalogue, faults);
  const ordered = sortNodes(nodes, faults);
  return { pipeline, nodes: ordered, faults };
}

const deepest = 100;

/** Nested more deeply than any input is, and than a schema can be followed. */
export function isTooDeep(input: unknown): boolean {
  let level = [input];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) return true;
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
  return false;
}

function invalidPipeline(faults: Fault[]): UserError {
  const lines = faults.map((fault) => {
    const place = [fault.node_id, fault.field].filter((part) => part !== undefined).join('.');
    return place === '' ? fault.message : `${place}: ${fault.message}`;
  });
  const head = faults.length === 1 ? 'The pipeline cannot run' : `The pipeline has ${faults.length} faults`;
  return new UserError('invalid_pipeline', `${head}: ${lines.join('; ')}`, { faults });
}

function shapeFault(input: unknown, issue: z.core.$ZodIssue): Fault {
  const [first, index, ...rest] = issue.path;
  const nodes = (input as { nodes?: unknown } | null)?.nodes;
  if (first === 'nodes' && typeof index === 'number' && Array.isArray(nodes)) {
    const written: unknown = (nodes[index] as { node_id?: unknown } | null)?.node_id;
    const node_id = typeof written === 'string' ? written : `nodes[${index}]`;
    return { code: 'wrong_shape', node_id, ...fieldAt(rest), message: issue.message };
  }
  return { code: 'wrong_shape', ...fieldAt(issue.path), message: issue.message };
}

function fieldAt(path: readonly PropertyKey[]): { field?: string } {
  return path.length > 0 ? { field: path.map(String).join('.') } : {};
}

function readNodes(pipeline: Pipeline, catalogue: Catalogue, faults: Fault[]): Map<string, CheckedNode> {
  const tasks = new Map<string, Task | undefined>();
  for (const { node_id, task_name } of pipeline.nodes) {
    if (tasks.has(node_id)) {
      faults.push({ code: 'duplicate_node', node_id, message: `two nodes are called "${node_id}"` });
    }
    const task = catalogue.get(task_name);
    const runs = task !== undefined && task.work.where !== 'service';
    if (!runs) faults.push(unknownTask(node_id, task_name, catalogue, task));
    tasks.set(node_id, runs ? task : undefined);
  }
  const edges = edgesByTarget(pipeline, tasks, faults);
  const nodes = new Map<string, CheckedNode>();
  for (const node of pipeline.nodes) {
    const task = tasks.get(node.node_id);
    if (task !== undefined) {
      nodes.set(node.node_id, readNode(node, task, pipeline, tasks, edges.get(node.node_id) ?? [], faults));
    }
  }
  return nodes;
}

function unknownTask(node_id: string, name: string, catalogue: Catalogue, task: Task | undefined): Fault {
  const message =
    task === undefined
      ? `there is no task "${name}".${suggestion(name, runnableNames(catalogue))}`
      : `"${name}" is an administrative task and cannot be a node`;
  return { code: 'unknown_task', node_id, field: 'task_name', message };
}

function runnableNames(catalogue: Catalogue): string[] {
  return [...catalogue.values()].filter((task) => task.work.where !== 'service').map((task) => task.name);
}

function edgesByTarget(
  pipeline: Pipeline,
  tasks: ReadonlyMap<string, Task | undefined>,
  faults: Fault[],
): Map<string, string[]> {
  const edges = new Map<string, string[]>();
  for (const { from, to } of pipeline.edges ?? []) {
    const unknown = [from, to].filter((node) => !tasks.has(node));
    for (const name of unknown) {
      const message = `the edge ${from} → ${to} names no node "${name}".${suggestion(name, [...tasks.keys()])}`;
      faults.push({ code: 'unknown_node', field: 'edges', message });
    }
    if (unknown.length > 0) continue;
    const sources = edges.get(to);
    if (sources === undefined) edges.set(to, [from]);
    else sources.push(from);
  }
  return edges;
}

function readNode(
  node: PipelineNode,
  task: Task,
  pipeline: Pipeline,
  tasks: ReadonlyMap<string, Task | undefined>,
  edges: readonly string[],
  faults: Fault[],
): CheckedNode {
  const at = (code: string, field: string, message: string) =>
    faults.push({ code, node_id: node.node_id, field, message });
  const sources = readSources(node, task, tasks, at);
  checkLiterals(node, task, sources, at);
  const given = new Set([...Object.keys(node.inputs ?? {}), ...Object.keys(sources)]);
  const values = readValues(node, task, pipeline, given, at);
  checkComplete(task, given, at);
  const dependsOn = [...new Set([...Object.values(sources).map((source) => source.node_id), ...edges])];
  const policy = { ...pipeline.policy, ...node.policy };
  return { node_id: node.node_id, task, values, sources, dependsOn, policy };
}

function checkLiterals(node: PipelineNode, task: Task, sources: Record<string, Source>, at: ReportAt): void {
  const names = [...task.inputFields.keys()];
  for (const name of Object.keys(node.inputs ?? {})) {
    if (!task.inputFields.has(name)) {
      at('unknown_input', name, `${task.name} has no input "${name}".${suggestion(name, names)}`);
    } else if (Object.hasOwn(sources, name)) {
      at('given_twice', name, 'is given both as a value and by a mapping; keep one of them');
    }
  }
}

/** Literals, then globals (which count as given from then on), then defaults. */
function readValues(
  node: PipelineNode,
  task: Task,
  pipeline: Pipeline,
  given: Set<string>,
  at: ReportAt,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { name, schema, default: fallback } of task.inputFields.values()) {
    const value = node.inputs?.[name] ?? globalValue(name, task, given, pipeline);
    if (value !== undefined) {
      const parsed = schema.safeParse(value);
      if (parsed.success) values[name] = parsed.data;
      else at('wrong_value', name, wrongValue(value, parsed.error));
      given.add(name);
    } else if (fallback !== undefined && !given.has(name)) {
      values[name] = fallback;
    }
  }
  return values;
}

function checkComplete(task: Task, given: ReadonlySet<string>, at: ReportAt): void {
  for (const field of task.inputFields.values()) {
    if (field.required && !given.has(field.name)) at('missing_input', field.name, missing(field));
  }
  for (const [first, second] of task.exactlyOneOf) {
    const count = Number(given.has(first)) + Number(given.has(second));
    if (count === 0) at('missing_input', first, `is missing: give ${first} or ${second}`);
    if (count === 2) at('given_twice', second, `${first} and ${second} exclude each other; keep one of them`);
  }
}

/** The global of that name, unless the node already has the input or the one that stands in for it. */
function globalValue(name: string, task: Task, given: ReadonlySet<string>, pipeline: Pipeline): unknown {
  const globals = pipeline.global_inputs;
  if (globals === undefined || !Object.hasOwn(globals, name) || given.has(name)) return undefined;
  const pair = task.exactlyOneOf.find((names) => names.includes(name));
  return pair?.some((other) => given.has(other)) ? undefined : globals[name];
}

function wrongValue(value: unknown, error: z.ZodError): string {
  const reasons = [...new Set(error.issues.map((issue) => issue.message))].join(', ');
  return `${JSON.stringify(value)} does not fit: ${reasons}`;
}

function missing(field: Field): string {
  return field.description === '' ? 'is missing' : `is missing (${field.description})`;
}

type ReportAt = (code: string, field: string, message: string) => void;

function readSources(
  node: PipelineNode,
  task: Task,
  tasks: ReadonlyMap<string, Task | undefined>,
  at: ReportAt,
): Record<string, Source> {
  const sources: Record<string, Source> = {};
  for (const [key, input] of Object.entries(node.input_mappings ?? {})) {
    const dot = key.lastIndexOf('.');
    const source = { node_id: key.slice(0, dot), output: key.slice(dot + 1) };
    const target = task.inputFields.get(input);
    if (dot <= 0) {
      at('wrong_mapping', input, `"${key}" is not of the form "node.output"`);
    } else if (!tasks.has(source.node_id)) {
      at(
        'unknown_node',
        input,
        `there is no node "${source.node_id}".${suggestion(source.node_id, [...tasks.keys()])}`,
      );
    } else if (target === undefined) {
      at(
        'unknown_input',
        input,
        `${task.name} has no input "${input}".${suggestion(input, [...task.inputFields.keys()])}`,
      );
    } else if (input in sources) {
      at('given_twice', input, 'is mapped from two outputs; keep one of them');
    } else {
      sources[input] = source;
      checkFit(source, tasks.get(source.node_id), target, at);
    }
  }
  return sources;
}

function checkFit(source: Source, sourceTask: Task | undefined, target: Field, at: ReportAt): void {
  if (sourceTask === undefined) return;
  const output = sourceTask.outputFields.get(source.output);
  if (output === undefined) {
    const outputs = [...sourceTask.outputFields.keys()];
    at(
      'unknown_output',
      target.name,
      `${sourceTask.name} has no output "${source.output}".${suggestion(source.output, outputs)}`,
    );
  } else if (output.resourceKind !== target.resourceKind) {
    const kind = (field: Field) => (field.resourceKind === undefined ? 'a plain value' : `a ${field.resourceKind}`);
    at('wrong_kind', target.name, `takes ${kind(target)}, but ${source.node_id}.${source.output} is ${kind(output)}`);
  } else if (!typesOverlap(output, target)) {
    const types = (field: Field) => field.jsonTypes.join(' or ');
    at('wrong_kind', target.name, `takes ${types(target)}, but ${source.node_id}.${source.output} is ${types(output)}`);
  }
}

function typesOverlap(output: Field, target: Field): boolean {
  if (output.jsonTypes.length === 0 || target.jsonTypes.length === 0) return true;
  return output.jsonTypes.some(
    (type) => target.jsonTypes.includes(type) || (type === 'integer' && target.jsonTypes.includes('number')),
  );
}

function checkGlobals(pipeline: Pipeline, catalogue: Catalogue, faults: Fault[]): void {
  const tasks = pipeline.nodes.map((node) => catalogue.get(node.task_name)).filter((task) => task !== undefined);
  const taken = new Set(tasks.flatMap((task) => [...task.inputFields.keys()]));
  for (const name of Object.keys(pipeline.global_inputs ?? {})) {
    if (taken.has(name)) continue;
    const message = `no node takes an input "${name}".${suggestion(name, [...taken])}`;
    faults.push({ code: 'unused_global', field: `global_inputs.${name}`, message });
  }
}

/** Kahn's algorithm, first written first; what remains holds a cycle, which is spelled out. */
function sortNodes(nodes: ReadonlyMap<string, CheckedNode>, faults: Fault[]): ReadonlyMap<string, CheckedNode> {
  const dependants = new Map<string, CheckedNode[]>();
  const waitingFor = new Map<string, number>();
  const ready: CheckedNode[] = [];
  for (const node of nodes.values()) {
    const known = node.dependsOn.filter((name) => nodes.has(name));
    waitingFor.set(node.node_id, known.length);
    if (known.length === 0) ready.push(node);
    for (const name of known) {
      const list = dependants.get(name);
      if (list === undefined) dependants.set(name, [node]);
      else list.push(node);
    }
  }
  const ordered = new Map<string, CheckedNode>();
  for (const node of ready) {
    ordered.set(node.node_id, node);
    for (const next of dependants.get(node.node_id) ?? []) {
      const left = (waitingFor.get(next.node_id) ?? 0) - 1;
      waitingFor.set(next.node_id, left);
      if (left === 0) ready.push(next);
    }
  }
  if (ordered.size < nodes.size) {
    const path = findCycle(nodes, ordered);
    faults.push({ code: 'cycle', field: 'edges', message: `the nodes wait for each other: ${path.join(' → ')}` });
  }
  return ordered;
}

/** Walks back along dependencies among the nodes that could not be ordered until one comes again. */
function findCycle(nodes: ReadonlyMap<string, CheckedNode>, ordered: ReadonlyMap<string, CheckedNode>): string[] {
  const start = [...nodes.values()].find((node) => !ordered.has(node.node_id));
  const path: string[] = [];
  const place = new Map<string, number>();
  let name = start?.node_id;
  while (name !== undefined && !place.has(name)) {
    place.set(name, path.length);
    path.push(name);
    name = nodes.get(name)?.dependsOn.find((dependency) => nodes.has(dependency) && !ordered.has(dependency));
  }
  if (name === undefined) return path.reverse();
  return [...path.slice(place.get(name)), name].reverse();
}
