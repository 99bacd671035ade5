/** What alone is to stay: "only gpt2", "just keep the 8-bit one". */
import type { Command, Selector } from '../../../commands.ts';
import { type Clause, settingsOf } from '../clauses/clause.ts';
import { type Mention, tellsApart } from '../variants/mention.ts';
import type { PlanView } from '../variants/plan-view.ts';
import { union, type Wish } from './wish.ts';

const restricting = /^(only|just|keep|solely|exclusively|alone|enough|stick|suffices?|remain|stay)$/i;

/** "only gpt2", "just keep the 8-bit one", "only evaluate the base model": the variants beside it go. */
export function proposeRestriction({ reading, variants, pieces, view }: Wish): Command[] {
  const restricts = pieces.some((piece) => 'text' in piece && restricting.test(piece.text ?? ''));
  const { loose, clauses, amounts } = reading;
  const [clause, another] = clauses;
  const ofPart = [loose, ...clauses].some(({ datasets }) => datasets.some(({ settings }) => settings.size > 0));
  if (!restricts || another !== undefined || ofPart || reading.cues.has('also')) return [];
  if (clause !== undefined && !(view.hasTask(clause.task) && clause.settings.size === 0)) return [];
  const of = selectorOf(variants.meant, [loose, ...clauses], amounts, view);
  if (of === undefined || !tellsApart(of) || !(variants.meant.length > 0 || differs(of, view))) return [];
  const tasks =
    clause !== undefined ? [clause.task] : of.model_from.length > 0 && view.hasTask('evaluate') ? ['evaluate'] : [];
  return [{ type: 'drop', tasks, of, keep: true }];
}

function differs({ models, datasets, settings, model_from }: Selector, view: PlanView): boolean {
  return (
    model_from.length > 0 ||
    (models.length > 0 && view.count('model') > models.length) ||
    (datasets.length > 0 && view.count('dataset') > datasets.length) ||
    settings.some(({ input, values }) => view.valuesOf(input).length > values.length)
  );
}

/** All that is said, as a selector; undefined where something of it is not in the plan. */
function selectorOf(
  meant: readonly Mention[],
  clauses: readonly Clause[],
  amounts: readonly number[],
  view: PlanView,
): Selector | undefined {
  const models = clauses.flatMap((clause) => clause.models);
  const datasets = clauses.flatMap((clause) => clause.datasets.map(({ name }) => name ?? ''));
  const settings = clauses.flatMap((clause) => settingsOf(clause.settings));
  for (const value of amounts) {
    const [input, another] = view.inputsWith(value);
    if (input === undefined || another !== undefined) return undefined;
    settings.push({ input, values: [value] });
  }
  const isHeld =
    models.every((said) => view.names('model', said)) &&
    datasets.every((said) => view.names('dataset', said)) &&
    settings.every(({ input, values }) => values.every((value) => view.valuesOf(input).includes(value)));
  if (!isHeld) return undefined;
  return union([...meant, { models, datasets, settings, model_from: clauses.flatMap(({ from }) => from) }]);
}
