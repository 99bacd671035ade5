import { z } from 'zod';
import type { EstimateTask } from './estimate.ts';

export const taskTypes = ['MICROSERVICE', 'MACROTASK', 'PIPELINE', 'MANAGERIAL'] as const;
export const taskTypeSchema = z.enum(taskTypes);
export type TaskType = z.infer<typeof taskTypeSchema>;

/** Every kind of resource with the prefix of its ids. */
export const resourcePrefixes = {
  dataset: 'ds',
  config: 'cfg',
  lora: 'lora',
  environment: 'env',
  model: 'model',
  report: 'report',
  upload: 'up',
} as const;
export type ResourceKind = keyof typeof resourcePrefixes;
export const resourceKindSchema = z.enum(Object.keys(resourcePrefixes) as [ResourceKind, ...ResourceKind[]]);

const idPattern = new RegExp(`^(?:${Object.values(resourcePrefixes).join('|')})_[a-z0-9]+$`);

/** Whether a text looks like the id of a resource of any kind. */
export function isResourceId(text: string): boolean {
  return idPattern.test(text);
}

/** Schema of an id of one kind of resource, such as `ds_1f3a…`. The kind is in its metadata. */
export function resourceId(kind: ResourceKind) {
  const prefix = resourcePrefixes[kind];
  return z
    .string()
    .regex(new RegExp(`^${prefix}_[a-z0-9]+$`), `must be the id of a ${kind}, such as ${prefix}_1f3a…`)
    .meta({ resource_kind: kind });
}

/** What a task sees of a resource that it was given by id. */
export interface ResourceFolder {
  kind: ResourceKind;
  /** Absolute path of a folder with the resource's files, read-only. */
  path: string;
  metadata: Record<string, unknown>;
}

/** What a task hands back: plain outputs, and files that become resources, by the output's name. */
export interface TaskResult {
  outputs: Record<string, unknown>;
  resources: Record<string, ResourceFolder>;
  /** What it took of the machine, where that was measured. */
  usage?: { peak_memory_mib?: number | undefined; peak_gpu_memory_mib?: number | undefined } | undefined;
}

/** What a task that runs in the server's process is given. */
export interface ServerTaskContext {
  /** An empty folder of this attempt for the files that become resources. */
  artifactsDirectory: string;
  resources: Record<string, ResourceFolder>;
  /** Makes the isolated Python environment with these further requirements, or finds it made. */
  prepareEnvironment: (requirements: string[], pythonVersion?: string) => Promise<{ hash: string }>;
  signal: AbortSignal;
}

/** What a task needs of the machine before it may start. */
export interface TaskNeeds {
  memoryMib: number;
  gpu: 'none' | 'preferred';
  timeoutSeconds: number;
  /** Seconds between being asked to stop and being killed; 10 where nothing is said. */
  graceSeconds?: number;
}

type Inputs = z.ZodObject<z.core.$ZodLooseShape>;
type Outputs = z.ZodObject<z.core.$ZodLooseShape>;

/** Where a task's work is done: in the server, by the Python runtime under a runner, or by a service. */
export type TaskWork<Values> =
  | { where: 'server'; run: (inputs: Values, context: ServerTaskContext) => Promise<TaskResult> }
  | { where: 'python' }
  | { where: 'service' };

export interface TaskDefinition<I extends Inputs = Inputs, O extends Outputs = Outputs> {
  name: string;
  type: TaskType;
  /** One line, in the imperative: "Finetune a model with LoRA". */
  summary: string;
  /** Two or three sentences that a person would say to get this task. */
  examples: readonly string[];
  input: I;
  output: O;
  /** Pairs of inputs of which exactly one is given; the first is what a person is asked for. */
  exactlyOneOf: readonly (readonly [string, string])[];
  work: TaskWork<z.output<I>>;
  needs: (inputs: Record<string, unknown>) => TaskNeeds;
  /** What a run will take; absent for what takes nothing worth telling. */
  estimate?: EstimateTask;
  /** Whether the result of a finished run stands for one with equal inputs. */
  reusable: boolean;
}

/** One input or output of a task, read from its schema. */
export interface Field {
  name: string;
  schema: z.ZodType;
  /** No default, not optional, and no alternative input that may stand in for it. */
  required: boolean;
  description: string;
  /** Set where the value is the id of a resource of that kind. */
  resourceKind?: ResourceKind;
  /** Whether the value names content that lies elsewhere: a path, or a name on a hub. */
  namesContent: boolean;
  /** JSON Schema types that the value may have, such as `['string']`. */
  jsonTypes: readonly string[];
  default?: unknown;
}

/** A task with the fields of its schemas read out once. */
export interface Task extends Omit<TaskDefinition, 'work'> {
  work: TaskWork<Record<string, unknown>>;
  requiresIsolation: boolean;
  inputFields: ReadonlyMap<string, Field>;
  outputFields: ReadonlyMap<string, Field>;
}

const light: TaskNeeds = { memoryMib: 512, gpu: 'none', timeoutSeconds: 3600 };

interface TaskOptions<I extends Inputs, O extends Outputs>
  extends Omit<TaskDefinition<I, O>, 'exactlyOneOf' | 'needs' | 'reusable'> {
  exactlyOneOf?: TaskDefinition['exactlyOneOf'];
  needs?: TaskDefinition['needs'];
  /** Default: only what does not run in the server itself. */
  reusable?: boolean;
}

/** Declares a task of the catalogue; types, forms, prompts and documentation derive from its schemas. */
export function defineTask<I extends Inputs, O extends Outputs>(definition: TaskOptions<I, O>): Task {
  const exactlyOneOf = definition.exactlyOneOf ?? [];
  const alternatives = new Set(exactlyOneOf.flat());
  return {
    ...definition,
    // The executor hands every task inputs that its own schema has parsed.
    work: definition.work as Task['work'],
    exactlyOneOf,
    needs: definition.needs ?? (() => light),
    reusable: definition.reusable ?? definition.work.where === 'python',
    requiresIsolation: definition.type === 'MACROTASK',
    inputFields: readFields(definition.input, 'input', alternatives),
    outputFields: readFields(definition.output, 'output', new Set()),
  };
}

interface JsonSchemaProperty {
  type?: string | string[];
  anyOf?: JsonSchemaProperty[];
  enum?: unknown[];
  description?: string;
  default?: unknown;
  resource_kind?: ResourceKind;
  names_content?: boolean;
}

function readFields(schema: Inputs, io: 'input' | 'output', alternatives: Set<string>): Map<string, Field> {
  const json = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  const properties = (json.properties ?? {}) as Record<string, JsonSchemaProperty>;
  const required = new Set(json.required ?? []);
  return new Map(
    Object.entries(properties).map(([name, property]) => {
      const field: Field = {
        name,
        schema: schema.shape[name] as z.ZodType,
        required: required.has(name) && !alternatives.has(name),
        description: property.description ?? '',
        jsonTypes: jsonTypes(property),
        namesContent: property.names_content === true,
      };
      if (property.resource_kind !== undefined) field.resourceKind = property.resource_kind;
      if (property.default !== undefined) field.default = property.default;
      return [name, field];
    }),
  );
}

function jsonTypes(property: JsonSchemaProperty): string[] {
  if (property.anyOf) return property.anyOf.flatMap(jsonTypes);
  if (property.enum) return [...new Set(property.enum.map((value) => typeof value))];
  return [property.type ?? []].flat();
}

/** The tasks that exist, by name. */
export type Catalogue = ReadonlyMap<string, Task>;

export function createCatalogue(tasks: readonly Task[]): Catalogue {
  return new Map(tasks.map((task) => [task.name, task]));
}
