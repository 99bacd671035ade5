/** The form in which a model proposes commands. */
import { z } from 'zod';
import { type Catalogue, type Field, type Task, taskTypes } from '../../../src/core/task.ts';
import { type Command, commandSchema, type DatasetWish } from '../../commands.ts';
import { listOf, namedActions, settingsOf, wrapCommands } from './leniency.ts';

/** A model writes numbers, words and lists of them: objects, such as a whole pipeline, are not for it to make up. */
export function isPlain({ jsonTypes, resourceKind }: Field): boolean {
  return resourceKind === undefined && !jsonTypes.includes('object');
}

/** Names have their own places in the form, where they are resolved and not taken as they stand. */
const names = new Set(['model_name', 'dataset_path']);

export function proposedSteps(catalogue: Catalogue): Task[] {
  return [...catalogue.values()].filter(({ work }) => work.where !== 'service');
}

export function proposedActions(catalogue: Catalogue): Task[] {
  return [...catalogue.values()].filter(
    ({ type, inputFields }) => type === 'MANAGERIAL' && [...inputFields.values()].every(isPlain),
  );
}

/** Parts that recur, for a schema that is read and not executed. */
const parts = z.registry<{ id: string }>();
const simple = ['approve', 'forget', 'show'] as const;
const topics = ['greeting', 'thanks', 'help', 'question', 'unclear', 'out_of_scope'] as const;

/**
 * What a model is asked to return, with the catalogue's names as enums. Its output side is what strict structured
 * output takes: every field required, no records. Its input side also reads what servers send that ignore the
 * schema, where the meaning is clear: what is missing is empty, one value is a list of one.
 */
export function createProposalSchema(catalogue: Catalogue) {
  const steps = proposedSteps(catalogue);
  const actions = proposedActions(catalogue).map(({ name }) => name);
  const inputs = steps.flatMap(({ inputFields }) => [...inputFields.values()].filter(isPlain));
  const settable = new Set(inputs.map(({ name }) => name).filter((name) => !names.has(name)));
  const text = z.string().nullable().default(null);
  const task = z.enum(steps.map(({ name }) => name)).register(parts, { id: 'task' });
  const setting = z
    .object({ input: z.enum([...settable]), values: most(16, listOf(z.union([z.string(), z.number()]))) })
    .register(parts, { id: 'setting' });
  const dataset = z
    .object({ name: text, split: text, max_samples: z.number().nullable().default(null) })
    .register(parts, { id: 'dataset' });
  const settings = settingsOf(setting);
  const varied = {
    models: most(8, listOf(z.string())),
    datasets: most(
      6,
      listOf(dataset, (name) => ({ name })),
    ),
    settings: most(10, settings),
  };
  const step = z.object({ task, model_from: most(3, listOf(z.string())), ...varied }).register(parts, { id: 'step' });
  const command = z.discriminatedUnion('type', [
    z.object({ type: z.literal('run'), extend: z.boolean(), steps: most(12, listOf(step)) }),
    z.object({ type: z.literal('set'), task: task.nullable().default(null), ...varied, instead_of: text }),
    z.object({ type: z.literal('drop'), tasks: listOf(task) }),
    z.object({ type: z.literal('repeat'), ...varied }),
    z.object({ type: z.literal('retry'), id: text, settings }),
    z.object({ type: z.literal('simple'), what: z.enum(simple) }),
    z.object({
      type: z.literal('action'),
      name: z.enum(actions),
      id: text,
      ids: most(8, z.array(z.string())).nullable().default(null),
      task_name: text,
      filter_type: z.enum(taskTypes).nullable().default(null),
      path: text,
    }),
    z.object({ type: z.literal('talk'), topic: z.enum(topics) }),
  ]);
  const named = namedActions({ simple, topics, actions });
  return z.preprocess(wrapCommands, z.object({ commands: most(6, z.array(z.preprocess(named, command)).min(1)) }));
}

export type ProposalSchema = ReturnType<typeof createProposalSchema>;
export type Proposal = z.infer<ProposalSchema>;
type Proposed = Proposal['commands'][number];
type ProposedDataset = { name: string | null; split: string | null; max_samples: number | null };

/** As JSON Schema in the dialect of strict structured output. With named parts it is half as long, for the prompt. */
export function toJsonSchema(schema: ProposalSchema, style?: 'named parts'): Record<string, unknown> {
  const { $schema: _, ...dialect } = z.toJSONSchema(schema, {
    io: 'output',
    ...(style === 'named parts' && { metadata: parts }),
    override: ({ jsonSchema }) => {
      const { oneOf } = jsonSchema;
      for (const word of ['default', 'minItems', 'oneOf'] as const) delete jsonSchema[word];
      if (oneOf !== undefined) jsonSchema.anyOf = oneOf;
    },
  });
  return dialect;
}

/** A question that only words answer: no command, a second call answers it. */
export function isQuestion(proposed: Proposed): boolean {
  return proposed.type === 'talk' && proposed.topic === 'question';
}

/** The proposal as commands of the agent. */
export function toCommands(proposal: Proposal, catalogue: Catalogue): Command[] {
  return proposal.commands.flatMap((proposed): Command[] => {
    const parsed = commandSchema.safeParse(toCommand(proposed, catalogue));
    return parsed.success ? [parsed.data] : [];
  });
}

function toCommand(proposed: Proposed, catalogue: Catalogue): unknown {
  switch (proposed.type) {
    case 'run':
      return { ...proposed, steps: proposed.steps.map(toVaried) };
    case 'set':
    case 'repeat':
      return toVaried(proposed);
    case 'retry':
      return { ...proposed, id: proposed.id || null, settings: withValues(proposed.settings) };
    case 'simple':
      return { type: proposed.what };
    case 'action': {
      const { type, name, ...args } = proposed;
      const takes = catalogue.get(name)?.inputFields;
      const given = Object.entries(args).filter(([arg, value]) => takes?.has(arg) && value !== null && value !== '');
      return { type, name, args: Object.fromEntries(given) };
    }
    case 'drop':
      return proposed;
    case 'talk':
      return { ...proposed, text: '' };
  }
}

function toVaried<T extends { datasets: ProposedDataset[]; settings: { values: unknown[] }[] }>(part: T) {
  return { ...part, datasets: part.datasets.map(toWish), settings: withValues(part.settings) };
}

function withValues<T extends { values: unknown[] }>(settings: T[]): T[] {
  return settings.filter(({ values }) => values.length > 0);
}

function toWish({ name, split, max_samples }: ProposedDataset): DatasetWish {
  const settings = [
    ...(split === null || split === '' ? [] : [{ input: 'split', values: [split] }]),
    ...(max_samples === null ? [] : [{ input: 'max_samples', values: [max_samples] }]),
  ];
  return { name: name === '' ? null : name, settings };
}

/** A bound that a server can hold a model to: without one a small model may never find the end of a list. */
function most<Item extends z.ZodType>(count: number, list: Item): Item {
  return list.meta({ maxItems: count });
}
