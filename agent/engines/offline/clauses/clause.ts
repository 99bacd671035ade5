/** What is understood of a message: one clause a step, and what belongs to none. */
import type { NameKind } from '../../../aliases.ts';
import type { DatasetWish, Setting } from '../../../commands.ts';
import { combinations } from '../../../plan/combinations.ts';
import type { Noun, SmallWord } from '../vocabulary/small-words.ts';
import type { TaskForm } from '../vocabulary/task-words.ts';

export type Scalar = string | number | boolean;
export type Values = Map<string, Scalar[]>;

/** What a clause's words hint at, for the reading of others. */
export type Cue =
  | SmallWord
  | Noun
  /** Only spoken of through its result: "a 4-bit version". */
  | 'implied'
  /** Before the step that was told first: "evaluate after finetuning". */
  | 'told_late'
  /** A step of the plan, told only as the one that another goes before. */
  | 'anchor'
  /** A word that only stood where a name might. */
  | 'weak_model'
  | 'weak_dataset'
  /** Its model is described and not named: "a small gpt2". */
  | 'described'
  /** Side by side with the clause before it, whose verb it shares. */
  | 'beside'
  /** Another way to do the same, with values of its own. */
  | 'variant'
  /** Its dataset is the one of the clause before, until it gets its own. */
  | 'copied'
  /** Said as the goal, before anything was named: "I want to compare methods." */
  | 'goal'
  /** The message begins with "then". */
  | 'then_first';

/** What is said about one step. */
export interface Clause {
  task: string;
  form: TaskForm | 'implied';
  models: string[];
  /** Which models of the plan are meant; see `stepSchema`. */
  from: string[];
  datasets: { name: string | null; settings: Values }[];
  settings: Values;
  /** Settings that wait for the dataset they limit: "the first 500 rows of squad". */
  waiting: Values;
  cues: Set<Cue>;
}

export interface Reading {
  /** In the order in which the steps are to run. */
  clauses: Clause[];
  /** Names and values that no step was said for. */
  loose: Clause;
  dropped: string[];
  /** Names that were negated: "not gpt2", "instead of squad". */
  rejected: { kind: NameKind; said: string }[];
  /** Paths and hub names that no word places. */
  paths: string[];
  /** Numbers that no word places. */
  amounts: number[];
  unknown: string[];
  cues: Set<Cue>;
}

export function newClause(task: string, form: Clause['form']): Clause {
  return { task, form, models: [], from: [], datasets: [], settings: new Map(), waiting: new Map(), cues: new Set() };
}

export function hasAny(cues: ReadonlySet<Cue>, ...wanted: Cue[]): boolean {
  return wanted.some((cue) => cues.has(cue));
}

/** Whether nothing is said but the step itself. */
export function isBare({ models, datasets, settings }: Clause): boolean {
  return models.length + datasets.length + settings.size === 0;
}

export function settingsOf(values: Values): Setting[] {
  return [...values].map(([input, written]) => ({ input, values: written }));
}

/** The datasets of a clause; several parts of one ("train and validation splits") are several datasets. */
export function wishesOf(clause: Clause): DatasetWish[] {
  return clause.datasets.flatMap(({ name, settings }) =>
    combinations(Object.fromEntries(settings)).map((one) => ({
      name,
      settings: Object.entries(one).map(([input, value]) => ({ input, values: [value as Scalar] })),
    })),
  );
}

export function pushNew(list: string[], value: string): void {
  if (!list.some((known) => known.toLowerCase() === value.toLowerCase())) list.push(value);
}
