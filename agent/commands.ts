/** What a message can ask for, as data: the one contract between the engines and the rest. */
import { z } from 'zod';

/** A value as a message can hold one. */
const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** Values for one input; several values fan out unless the input is a list. */
export const settingSchema = z.strictObject({ input: z.string(), values: z.array(scalar).min(1) });
export type Setting = z.infer<typeof settingSchema>;

/** A dataset as the user wrote it. A part of a dataset that was named elsewhere has no name. */
export const datasetWishSchema = z.strictObject({ name: z.string().nullable(), settings: z.array(settingSchema) });
export type DatasetWish = z.infer<typeof datasetWishSchema>;

/**
 * Which variants of the plan are meant: those that hold one of these names or values, or are made from one that
 * does. `model_from` is that of a step.
 */
export const selectorSchema = z.strictObject({
  models: z.array(z.string()),
  model_from: z.array(z.string()),
  datasets: z.array(z.string()),
  settings: z.array(settingSchema),
});
export type Selector = z.infer<typeof selectorSchema>;

/**
 * One step as it was asked for. Names are the user's own words; code resolves them.
 * `model_from` says which model of the plan is meant where none is named: `newest`, `base` (the model the
 * plan starts from), `unquantized`, `both`, `each`, `all`, `three`, or `before:TASK` and `after:TASK`; `beside` says
 * that the step runs side by side with the one before it.
 */
export const stepSchema = z.strictObject({
  task: z.string(),
  models: z.array(z.string()),
  model_from: z.array(z.string()),
  datasets: z.array(datasetWishSchema),
  settings: z.array(settingSchema),
  /** The variants of the plan whose models it takes. */
  of: selectorSchema.optional(),
  /** The task of the plan that it goes before: what that took a model from, this step takes and hands on. */
  before: z.string().optional(),
  /** The task of the plan whose place it takes. */
  in_place_of: z.string().optional(),
});
export type StepWish = z.infer<typeof stepSchema>;

/** What one message asks for: a short list, because a message can carry several wishes. */
export const commandSchema = z.discriminatedUnion('type', [
  /** A new plan, or more steps for the last one. */
  z.strictObject({
    type: z.literal('run'),
    extend: z.boolean(),
    steps: z.array(stepSchema).min(1),
    /** Tasks that a model understood and the message has no word for: the plan then waits for the user's. */
    unproven: z.array(z.string()).optional(),
  }),
  /** Answers the open question or changes the last plan; `task` limits it to the nodes of one task. */
  z.strictObject({
    type: z.literal('set'),
    task: z.string().nullable(),
    models: z.array(z.string()),
    datasets: z.array(datasetWishSchema),
    settings: z.array(settingSchema),
    /** The name that is replaced, where the user said which. */
    instead_of: z.string().nullable(),
    /** Only these variants. */
    of: selectorSchema.optional(),
  }),
  /** Takes steps out: all of these tasks, or those variants; `keep` takes the other variants out. */
  z.strictObject({
    type: z.literal('drop'),
    tasks: z.array(z.string()),
    of: selectorSchema.optional(),
    keep: z.boolean().optional(),
  }),
  /** The last plan once more with another model, dataset or values, beside what is there. */
  z.strictObject({
    type: z.literal('repeat'),
    /** Only from the steps of this task on. */
    task: z.string().optional(),
    models: z.array(z.string()),
    datasets: z.array(datasetWishSchema),
    settings: z.array(settingSchema),
  }),
  /** A failed pipeline goes on from where it stopped, with other values where some are given; null is the last one. */
  z.strictObject({ type: z.literal('retry'), id: z.string().nullable(), settings: z.array(settingSchema) }),
  z.strictObject({ type: z.literal('approve') }),
  z.strictObject({ type: z.literal('forget') }),
  z.strictObject({ type: z.literal('show') }),
  z.strictObject({ type: z.literal('action'), name: z.string(), args: z.record(z.string(), z.json()) }),
  z.strictObject({
    type: z.literal('talk'),
    topic: z.enum(['greeting', 'thanks', 'help', 'unclear', 'out_of_scope', 'answer']),
    text: z.string(),
  }),
]);
export type Command = z.infer<typeof commandSchema>;
export type CommandOf<Type extends Command['type']> = Extract<Command, { type: Type }>;
