/** What the plan holds, and in what its variants differ. */
import type { NameKind, Names } from '../../../aliases.ts';
import type { Context } from '../../engine.ts';
import type { Scalar } from '../clauses/clause.ts';

export interface PlanView {
  isEmpty: boolean;
  hasTask(task: string): boolean;
  /** Whether the plan names this model or dataset. */
  names(kind: NameKind, said: string): boolean;
  /** How many models or datasets it names. */
  count(kind: NameKind): number;
  /** The values that its nodes have for an input. */
  valuesOf(input: string): readonly Scalar[];
  /** Inputs in which a node holds this number. */
  inputsWith(value: number): string[];
}

const inputOf: Record<NameKind, string> = { model: 'model_name', dataset: 'dataset_path' };

export function viewPlan({ plan }: Context, names: Names): PlanView {
  const values = new Map<string, Set<Scalar>>();
  for (const [input, value] of plan.flatMap(({ inputs }) => Object.entries(inputs))) {
    if (typeof value === 'object' && !Array.isArray(value)) continue;
    const held = values.get(input) ?? new Set();
    for (const one of [value].flat()) held.add(one as Scalar);
    values.set(input, held);
  }
  const valuesOf = (input: string) => [...(values.get(input) ?? [])];
  return {
    isEmpty: plan.length === 0,
    hasTask: (task) => plan.some((node) => node.task === task),
    names: (kind, said) => valuesOf(inputOf[kind]).includes(settled(names, kind, said)),
    count: (kind) => valuesOf(inputOf[kind]).length,
    valuesOf,
    inputsWith: (value) => [...values.keys()].filter((input) => values.get(input)?.has(value)),
  };
}

function settled(names: Names, kind: NameKind, said: string): string {
  const resolved = names.resolve(kind, said);
  return resolved.kind === 'known' || resolved.kind === 'literal' ? resolved.name : said;
}
