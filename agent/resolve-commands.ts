/** From commands in the user's words to edits with names and values that hold. */
import type { Catalogue, Field, Task } from '../src/core/task.ts';
import type { NameKind, Names } from './aliases.ts';
import type { Answer } from './answer-question.ts';
import type { Command, CommandOf, DatasetWish, Selector, Setting, StepWish } from './commands.ts';
import type { Change } from './plan/change-draft.ts';
import type { DatasetChoice, Draft, Json, NameChoice, Wiring } from './plan/draft.ts';
import type { Repeating, Repetition } from './plan/repeat-plan.ts';
import type { Selection } from './plan/select-nodes.ts';
import { parseValue } from './values.ts';

/** A command whose names and values are resolved; plain JSON. */
export type Edit =
  | { do: 'run'; extend: boolean; steps: ResolvedStep[]; unproven: string[] }
  | ({ do: 'change' } & Change)
  | ({ do: 'repeat' } & Repeating)
  | { do: 'retry'; id: string | null; settings: Record<string, Json[]> }
  | { do: 'drop'; tasks: string[]; of: Selection | null; keep: boolean }
  /** The fields of the open question, filled in. */
  | { do: 'answer'; answers: Answer[] }
  /** A whole plan that the user brought along. */
  | { do: 'adopt'; draft: Draft }
  | { do: 'approve' | 'forget' | 'show' }
  | { do: 'action'; name: string; args: Record<string, Json> }
  | { do: 'talk'; topic: CommandOf<'talk'>['topic']; text: string };

export interface ResolvedStep extends Repetition {
  task: string;
  modelFrom: string[];
  /** The variants of the plan whose models it takes; null for those that `models` and `modelFrom` say. */
  of: Selection | null;
  /** The task of the plan that it goes before, or null. */
  before: string | null;
  /** The task of the plan whose place it takes, or null. */
  inPlaceOf: string | null;
}

export interface Resolved {
  edits: Edit[];
  /** Values that no input takes as they are: the whole message is refused. */
  refusals: string[];
  /** What was left out or guessed, for the user to see. */
  warnings: string[];
}

export interface World {
  catalogue: Catalogue;
  wiring: Wiring;
  names: Names;
}

/** Resolves names against the registry and checks values against the schemas. Pure; invents nothing. */
export function resolveCommands(commands: readonly Command[], draft: Draft, world: World): Resolved {
  const task: Resolving = { draft, world, refusals: [], warnings: [] };
  const edits = commands.flatMap((command) => resolveCommand(task, command));
  return { edits, refusals: task.refusals, warnings: [...new Set(task.warnings)] };
}

/** What commands are resolved with, and what is noted on the way. */
export interface Resolving {
  readonly draft: Draft;
  readonly world: World;
  readonly refusals: string[];
  readonly warnings: string[];
}

function resolveCommand(resolving: Resolving, command: Command): Edit[] {
  const { world } = resolving;
  switch (command.type) {
    case 'run': {
      const steps = command.steps.flatMap((step) => resolveStep(resolving, step));
      return steps.length === 0 ? [] : [{ do: 'run', extend: command.extend, steps, unproven: command.unproven ?? [] }];
    }
    case 'set': {
      const { task, instead_of } = command;
      const insteadOf = instead_of === null ? null : settledName(world, instead_of);
      const of = resolveSelector(resolving, command.of);
      return [{ do: 'change', task, insteadOf, of, ...resolveVaried(resolving, command, task) }];
    }
    case 'repeat':
      return [{ do: 'repeat', task: command.task ?? null, ...resolveVaried(resolving, command, null) }];
    case 'retry': {
      const settings = resolveSettings(resolving, command.settings, (input) => anyField(resolving, input));
      return [{ do: 'retry', id: command.id, settings }];
    }
    case 'drop': {
      const of = resolveSelector(resolving, command.of);
      const isEmpty = command.tasks.length === 0 && of === null;
      return isEmpty ? [] : [{ do: 'drop', tasks: command.tasks, of, keep: command.keep ?? false }];
    }
    case 'action': {
      const isKnown = world.catalogue.get(command.name)?.type === 'MANAGERIAL';
      return isKnown ? [{ do: 'action', name: command.name, args: command.args as Record<string, Json> }] : [];
    }
    case 'talk':
      return [{ do: 'talk', topic: command.topic, text: command.text }];
    case 'approve':
    case 'forget':
    case 'show':
      return [{ do: command.type }];
  }
}

/** Which variants are meant, by the names that the plan has them under. */
function resolveSelector(resolving: Resolving, selector: Selector | undefined): Selection | null {
  if (selector === undefined) return null;
  const { models, datasets, settings, model_from } = selector;
  return {
    models: models.map((said) => settledName(resolving.world, said, 'model')),
    datasets: datasets.map((said) => settledName(resolving.world, said, 'dataset')),
    settings: resolveSettings(resolving, settings, (input) => anyField(resolving, input)),
    modelFrom: model_from,
  };
}

function resolveVaried(resolving: Resolving, command: CommandOf<'set' | 'repeat'>, taskName: string | null) {
  const { catalogue } = resolving.world;
  const task = taskName === null ? undefined : catalogue.get(taskName);
  return {
    models: command.models.map((said) => resolveName(resolving, 'model', said)),
    datasets: command.datasets.map((wish) => resolveDataset(resolving, wish)),
    settings: resolveSettings(
      resolving,
      command.settings,
      (input) => task?.inputFields.get(input) ?? anyField(resolving, input),
    ),
  };
}

function resolveStep(resolving: Resolving, step: StepWish): ResolvedStep[] {
  const { catalogue } = resolving.world;
  const task = catalogue.get(step.task);
  if (task === undefined || task.work.where === 'service') {
    resolving.warnings.push(`There is no step "${step.task}", so I left it out.`);
    return [];
  }
  const own = step.settings.filter(({ input }) => task.inputFields.has(input));
  const ofLoader = loaderSettings(resolving, task, step);
  return [
    {
      task: task.name,
      models: step.models.map((said) => resolveName(resolving, 'model', said)),
      modelFrom: step.model_from,
      of: resolveSelector(resolving, step.of),
      before: step.before ?? null,
      inPlaceOf: step.in_place_of ?? null,
      datasets: resolveDatasets(resolving, step.datasets, ofLoader),
      settings: resolveSettings(resolving, own, (input) => task.inputFields.get(input)),
    },
  ];
}

/** Settings that a step has of the dataset it takes; what fits nowhere is left out with a warning. */
function loaderSettings({ world, warnings }: Resolving, task: Task, { settings }: StepWish): Setting[] {
  const loader = world.wiring.producer('dataset');
  const takesDataset = task === loader || world.wiring.inputOfKind(task, 'dataset') !== undefined;
  const others = settings.filter(({ input }) => !task.inputFields.has(input));
  const ofLoader = others.filter(({ input }) => takesDataset && loader?.inputFields.has(input));
  for (const { input } of others.filter((setting) => !ofLoader.includes(setting))) {
    warnings.push(`${task.name} takes no ${input.replaceAll('_', ' ')}, so I left that out.`);
  }
  return ofLoader;
}

function resolveDatasets(resolving: Resolving, wishes: readonly DatasetWish[], settings: readonly Setting[]) {
  const all = wishes.length === 0 && settings.length > 0 ? [{ name: null, settings: [] }] : wishes;
  return all.map((wish) => resolveDataset(resolving, { ...wish, settings: [...wish.settings, ...settings] }));
}

function resolveDataset(resolving: Resolving, { name, settings }: DatasetWish): DatasetChoice {
  const fields = resolving.world.wiring.producer('dataset')?.inputFields;
  const parsed = resolveSettings(resolving, settings, (input) => fields?.get(input));
  const inputs = Object.fromEntries(Object.entries(parsed).map(([input, values]) => [input, values[0] as Json]));
  return name === null ? { inputs } : { name: resolveName(resolving, 'dataset', name), inputs };
}

function resolveSettings(
  { refusals }: Resolving,
  settings: readonly Setting[],
  fieldOf: (input: string) => Field | undefined,
): Record<string, Json[]> {
  const resolved: Record<string, Json[]> = {};
  for (const { input, values } of settings) {
    const field = fieldOf(input);
    if (field === undefined || field.resourceKind !== undefined) continue;
    for (const value of field.jsonTypes.includes('array') ? [values] : values) {
      const parsed = parseValue(field, value);
      if (parsed.ok) resolved[input] = [...(resolved[input] ?? []), parsed.value];
      else refusals.push(parsed.problem);
    }
  }
  return resolved;
}

/** An input by its name alone: one of the plan's, else of any task. */
function anyField({ draft, world }: Resolving, input: string): Field | undefined {
  const planned = draft.nodes.map(({ task_name }) => world.wiring.task(task_name));
  const taker = [...planned, ...world.catalogue.values()].find((task) => task.inputFields.has(input));
  return taker?.inputFields.get(input);
}

function settledName({ names }: World, said: string, ...kinds: NameKind[]): string {
  for (const kind of kinds.length > 0 ? kinds : (['model', 'dataset'] as const)) {
    const resolved = names.resolve(kind, said);
    if (resolved.kind === 'known' || (kinds.length > 0 && resolved.kind === 'literal')) return resolved.name;
  }
  return said;
}

/** A name, or the options that it leaves open. */
export function resolveName(resolving: Resolving, kind: NameKind, said: string): NameChoice {
  const { names } = resolving.world;
  const resolved = names.resolve(kind, said);
  if (resolved.kind === 'known') {
    if (resolved.guessed) resolving.warnings.push(`I took "${said}" for ${resolved.name}.`);
    return { said, name: resolved.name };
  }
  if (resolved.kind === 'literal') return { said, name: resolved.name };
  const narrowed = narrowDoubt(resolving, kind, said);
  if (narrowed !== undefined) return narrowed;
  if (resolved.kind === 'ambiguous') return { said, options: resolved.options };
  return insistedName(resolving, kind, said) ?? { said, options: names.near(kind, said) };
}

/** "the 7b one": further words narrow the options of an open question, or what it offers beside them. */
function narrowDoubt({ draft, world }: Resolving, kind: NameKind, said: string): NameChoice | undefined {
  const { names } = world;
  const builtin = names.known(kind).filter((name) => name.startsWith('builtin:'));
  for (const doubt of draft.doubts.filter((one) => one.kind === kind && one.options.length > 0)) {
    const fitting = names.narrow(kind, said, doubt.options);
    const options = fitting.length > 0 ? fitting : names.narrow(kind, said, builtin);
    if (options[0] !== undefined) return options.length === 1 ? { said, name: options[0] } : { said, options };
  }
  return undefined;
}

/** Said in answer to the open question, a name that nobody knows is taken at its word where it looks like one. */
function insistedName({ draft, world }: Resolving, kind: NameKind, said: string): NameChoice | undefined {
  const { wiring } = world;
  const input = kind === 'dataset' ? wiring.datasetInput : 'model_name';
  const asked = draft.nodes.some(
    ({ task_name, inputs }) => wiring.task(task_name).inputFields.has(input) && inputs[input] === undefined,
  );
  if (!asked || !/^[A-Za-z][\w.]*[-_\d][\w.-]*$/.test(said)) return undefined;
  return { said, name: kind === 'dataset' ? `huggingface:${said}` : said };
}
