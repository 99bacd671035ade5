/** What a message wishes of a plan, and small things that all readings of it need. */
import type { CommandOf, Selector, Setting } from '../../../commands.ts';
import { isBare, type Reading } from '../clauses/clause.ts';
import type { TaskFacts } from '../task-facts.ts';
import type { Piece } from '../values.ts';
import type { PlanView } from '../variants/plan-view.ts';
import type { Variants } from '../variants/read-variants.ts';

/** What a message says beside the variants that it tells apart. */
export interface Wish {
  reading: Reading;
  pieces: readonly Piece[];
  variants: Variants;
  view: PlanView;
  facts: TaskFacts;
}

export function setting(part: Partial<CommandOf<'set'>>): CommandOf<'set'> {
  return { type: 'set', task: null, models: [], datasets: [], settings: [], instead_of: null, ...part };
}

/** Nothing is said beside the variants. */
export function isSpent({ loose, clauses, paths, amounts }: Reading): boolean {
  return clauses.length === 0 && isBare(loose) && loose.from.length === 0 && paths.length + amounts.length === 0;
}

export function union(selectors: readonly Selector[]): Selector {
  const settings = new Map<string, Setting['values']>();
  for (const { input, values } of selectors.flatMap((one) => one.settings)) {
    settings.set(input, [...(settings.get(input) ?? []), ...values]);
  }
  return {
    models: selectors.flatMap(({ models }) => models),
    model_from: selectors.flatMap(({ model_from }) => model_from),
    datasets: selectors.flatMap(({ datasets }) => datasets),
    settings: [...settings].map(([input, values]) => ({ input, values })),
  };
}
