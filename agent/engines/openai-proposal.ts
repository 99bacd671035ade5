/** The form in which a model proposes commands. */
import { z } from 'zod';
import type { Catalogue } from '../../src/core/task.ts';
import { type Command, commandSchema, type DatasetWish } from '../commands.ts';

/**
 * What a model is asked to return: the commands in the form that strict structured output takes (every
 * field required, no records, no defaults), with the catalogue's names as enums.
 */
export function createProposalSchema(catalogue: Catalogue) {
  const all = [...catalogue.values()];
  const runnable = all.filter(({ work }) => work.where !== 'service');
  const task = z.enum(runnable.map(({ name }) => name));
  const inputs = new Set(
    runnable.flatMap(({ inputFields }) =>
      [...inputFields.values()].filter((field) => field.resourceKind === undefined).map(({ name }) => name),
    ),
  );
  const setting = z.strictObject({ input: z.enum([...inputs]), values: z.array(z.union([z.string(), z.number()])) });
  const dataset = z.strictObject({
    name: z.string().nullable(),
    split: z.string().nullable(),
    max_samples: z.number().nullable(),
  });
  const varied = { models: z.array(z.string()), datasets: z.array(dataset), settings: z.array(setting) };
  const step = z.strictObject({ task, model_from: z.array(z.string()), ...varied });
  const actions = z.enum(all.filter(({ type }) => type === 'MANAGERIAL').map(({ name }) => name));
  const text = z.string().nullable();
  return z.strictObject({
    commands: z.array(
      z.union([
        z.strictObject({ type: z.literal('run'), extend: z.boolean(), steps: z.array(step) }),
        z.strictObject({ type: z.literal('set'), task: task.nullable(), ...varied, instead_of: text }),
        z.strictObject({ type: z.literal('drop'), tasks: z.array(task) }),
        z.strictObject({ type: z.literal('repeat'), ...varied }),
        z.strictObject({ type: z.literal('simple'), what: z.enum(['approve', 'forget', 'show']) }),
        z.strictObject({
          type: z.literal('action'),
          name: actions,
          id: text,
          task_name: text,
          filter_type: text,
          path: text,
        }),
        z.strictObject({
          type: z.literal('talk'),
          topic: z.enum(['greeting', 'thanks', 'help', 'unclear', 'out_of_scope']),
          text: z.string(),
        }),
      ]),
    ),
  });
}

export type ProposalSchema = ReturnType<typeof createProposalSchema>;
type Proposal = z.infer<ProposalSchema>;
type ProposedDataset = { name: string | null; split: string | null; max_samples: number | null };

/** The proposal as commands of the agent. */
export function toCommands(proposal: Proposal): Command[] {
  return proposal.commands.flatMap((proposed): Command[] => {
    const command = toCommand(proposed);
    const parsed = commandSchema.safeParse(command);
    return parsed.success ? [parsed.data] : [];
  });
}

function toCommand(proposed: Proposal['commands'][number]): unknown {
  switch (proposed.type) {
    case 'run':
      return { ...proposed, steps: proposed.steps.map(varied) };
    case 'set':
    case 'repeat':
      return varied(proposed);
    case 'simple':
      return { type: proposed.what };
    case 'action': {
      const { type, name, ...args } = proposed;
      return {
        type,
        name,
        args: Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null && value !== '')),
      };
    }
    default:
      return proposed;
  }
}

function varied<T extends { datasets: ProposedDataset[]; settings: { values: unknown[] }[] }>(part: T) {
  return {
    ...part,
    datasets: part.datasets.map(toWish),
    settings: part.settings.filter(({ values }) => values.length > 0),
  };
}

function toWish({ name, split, max_samples }: ProposedDataset): DatasetWish {
  const settings = [
    ...(split === null || split === '' ? [] : [{ input: 'split', values: [split] }]),
    ...(max_samples === null ? [] : [{ input: 'max_samples', values: [max_samples] }]),
  ];
  return { name: name === '' ? null : name, settings };
}

/** The JSON object in a model's answer: past reasoning, prose and code fences. */
export function findJson(answer: string): unknown {
  const text = answer.replace(/<think>[\s\S]*?<\/think>/g, '').replace(/```(?:json)?/g, '');
  const start = text.indexOf('{');
  const end = text.lastIndexOf('}');
  if (start < 0 || end < start) throw new SyntaxError('the answer holds no complete JSON object');
  return JSON.parse(text.slice(start, end + 1));
}
