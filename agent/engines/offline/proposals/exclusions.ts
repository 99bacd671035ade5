/** What a message takes out of the plan, and what only gives way to something else. */
import type { Command, Setting } from '../../../commands.ts';
import { type Clause, hasAny, type Reading } from '../clauses/clause.ts';
import { isWord } from '../clauses/parse.ts';
import type { Piece } from '../values.ts';
import type { Mention } from '../variants/mention.ts';
import type { PlanView } from '../variants/plan-view.ts';
import { setting, type Wish } from './wish.ts';

/** "5 instead of 3": a number without a word for it is of the kind that it replaces. */
export function claimNumbers({ reading, variants }: Wish): void {
  const [input, another] = new Set(variants.excluded.flatMap(({ settings }) => settings.map((one) => one.input)));
  if (input === undefined || another !== undefined || reading.amounts.length === 0) return;
  if (!reading.loose.settings.has(input)) reading.loose.settings.set(input, reading.amounts.splice(0));
}

/** "and triviaqa", "and 1e-5": one more beside those that the plan has, where nothing says that it changes. */
export function addsOneMore({ reading, pieces, view }: Wish): boolean {
  const { loose, clauses, cues } = reading;
  const opens = isWord(pieces[0], 'and') || (isWord(pieces[0], 'also', 'filler') && isWord(pieces[1], 'and'));
  if (!opens || clauses.length > 0 || hasAny(cues, 'use', 'instead', 'correct', 'change', 'swap', 'also')) return false;
  const names = loose.models.length + loose.datasets.filter(({ name }) => name !== null).length;
  const varied = [...loose.settings.keys()].every((input) => view.valuesOf(input).length > 1);
  return names > 0 ? loose.settings.size === 0 : loose.settings.size > 0 && varied;
}

/** Steps, names and values that are taken out; none for what only gives way to another: "not squad, imdb". */
export function proposeDrops({ reading, variants, view, facts }: Wish): Command[] {
  return variants.excluded.flatMap((mention): Command[] => {
    if (givesWay(mention, reading)) return [];
    const lists = mention.settings.filter(({ input }) => facts.isList(input));
    if (lists.length > 0) return lists.flatMap((setting) => shortened(setting, view));
    const { tasks, ...of } = mention;
    return [{ type: 'drop', tasks, of }];
  });
}

/** Whether something of its kind is said in its place. */
function givesWay({ models, datasets, settings }: Mention, { loose, clauses }: Reading): boolean {
  const all = [loose, ...clauses];
  return (
    (models.length > 0 && all.some((clause) => clause.models.length > 0)) ||
    (datasets.length > 0 && all.some((clause) => clause.datasets.some(({ name }) => name !== null))) ||
    settings.some(({ input }) => all.some((clause) => clause.settings.has(input)))
  );
}

/** "without peft": a list without some of its items. */
function shortened({ input, values }: Setting, view: PlanView): Command[] {
  const left = view.valuesOf(input).filter((value) => !values.includes(value));
  return left.length === 0 ? [] : [setting({ settings: [{ input, values: left }] })];
}

/** Notes the names that give way to others, as the grammar does; values that do are what is to be changed. */
export function giveWay({ reading, variants, pieces, view }: Wish): void {
  const giving = variants.excluded.filter((mention) => givesWay(mention, reading));
  for (const { models, datasets, settings, model_from } of giving) {
    reading.cues.add('instead');
    reading.rejected.push(...models.map((said) => ({ kind: 'model' as const, said })));
    reading.rejected.push(...datasets.map((said) => ({ kind: 'dataset' as const, said })));
    if (settings.length > 0) variants.meant.push({ tasks: [], models: [], datasets: [], model_from, settings });
  }
  if (hasAny(reading.cues, 'instead', 'correct', 'swap', 'use', 'change')) giveUpNames(reading, pieces, view);
}

/** "gpt2-large is too big, use distilgpt2": of two names the one that the plan has gives way. */
function giveUpNames(reading: Reading, pieces: readonly Piece[], view: PlanView): void {
  const joined = pieces.some(
    (piece, at) => piece.k === 'name' && isWord(pieces[at + 1], 'and') && pieces[at + 2]?.k === 'name',
  );
  if (joined || reading.rejected.length > 0) return;
  for (const clause of [reading.loose, ...reading.clauses]) {
    const old = clause.models.filter((said) => view.names('model', said));
    if (old.length > 0 && old.length < clause.models.length) {
      reading.rejected.push(...old.map((said) => ({ kind: 'model' as const, said })));
      clause.models = clause.models.filter((said) => !old.includes(said));
    }
    const isOld = ({ name }: Clause['datasets'][number]) => name !== null && view.names('dataset', name);
    const gone = clause.datasets.filter(isOld);
    if (gone.length > 0 && gone.length < clause.datasets.length) {
      reading.rejected.push(...gone.map(({ name }) => ({ kind: 'dataset' as const, said: name ?? '' })));
      clause.datasets = clause.datasets.filter((dataset) => !isOld(dataset));
    }
  }
}
