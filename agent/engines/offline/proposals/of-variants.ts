/** Wishes about variants of the plan: which go, which stay, which alone are changed. */
import type { Command, CommandOf, Selector, Setting } from '../../../commands.ts';
import { type Clause, hasAny, isBare, type Reading, settingsOf } from '../clauses/clause.ts';
import { isWord } from '../clauses/parse.ts';
import type { TaskFacts } from '../task-facts.ts';
import type { Piece } from '../values.ts';
import { type Mention, tellsApart } from '../variants/mention.ts';
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

function setting(part: Partial<CommandOf<'set'>>): CommandOf<'set'> {
  return { type: 'set', task: null, models: [], datasets: [], settings: [], instead_of: null, ...part };
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

/** "2 epochs for gpt2 and 3 for phi-2": names of several variants, each with a value. */
export function proposePairs({ pieces, view }: Wish): Command[] {
  const things = pieces.filter(({ k }) => /^(name|value|amount|task|path|hub|unknown)$/.test(k));
  const isName = (piece: Piece | undefined) =>
    piece?.k === 'name' && view.count(piece.kind) > 1 && view.names(piece.kind, piece.said);
  const names = things.filter(isName);
  const values = things.filter(({ k }) => k === 'value' || k === 'amount');
  const alternate = things.every((piece, at) => at === 0 || isName(piece) !== isName(things[at - 1]));
  if (names.length < 2 || names.length !== values.length || names.length + values.length !== things.length) return [];
  const field = values.find((piece) => piece.k === 'value')?.field;
  if (!alternate || field === undefined) return [];
  return names.flatMap((piece, at) => {
    const value = values[at];
    if (piece.k !== 'name' || value === undefined) return [];
    const one = {
      input: value.k === 'value' ? value.field : field,
      values: value.k === 'value' ? value.values : value.k === 'amount' ? [value.value] : [],
    };
    const of: Selector = { models: [], model_from: [], datasets: [], settings: [] };
    of[piece.kind === 'model' ? 'models' : 'datasets'].push(piece.said);
    return [setting({ settings: [one], of })];
  });
}

/** The variants that a change or a step is limited to: those told apart, and names that only some of them hold. */
export function limitOf({ reading, variants, view }: Wish): Selector | undefined {
  const found: Selector[] = [...variants.meant];
  const { loose, clauses } = reading;
  if (clauses.length === 0 && !hasAny(reading.cues, 'same', 'also')) found.push(...limitOfParts(loose, view));
  if (clauses.length === 0 && !reading.cues.has('same')) found.push(...limitOfLoose(loose, view));
  for (const clause of clauses) found.push(...limitOfStep(clause, view));
  const limit = union(found);
  return tellsApart(limit) ? limit : undefined;
}

/** "give phi-2 only 1 epoch": a name that one of several holds, beside something else. */
function limitOfLoose(loose: Clause, view: PlanView): Selector[] {
  const names = loose.datasets.flatMap(({ name, settings }) => (name === null || settings.size > 0 ? [] : [name]));
  const ofModels =
    loose.models.length > 0 && view.count('model') > 1 && loose.models.every((said) => view.names('model', said));
  const ofData =
    names.length > 0 &&
    names.length === loose.datasets.length &&
    view.count('dataset') > 1 &&
    names.every((said) => view.names('dataset', said));
  const others =
    loose.settings.size > 0 ||
    (ofModels && !ofData && names.length > 0) ||
    (ofData && !ofModels && loose.models.length > 0);
  if (!others) return [];
  const limit: Selector = { models: [], model_from: [], datasets: [], settings: [] };
  if (ofModels) limit.models.push(...loose.models.splice(0));
  if (ofData) {
    limit.datasets.push(...names);
    loose.datasets.length = 0;
  }
  return [limit];
}

/** "only 1000 rows of yelp": another part of one of several datasets. */
function limitOfParts(loose: Clause, view: PlanView): Selector[] {
  const [part, another] = loose.datasets;
  if (part?.name == null || another !== undefined || part.settings.size === 0) return [];
  if (view.count('dataset') < 2 || !view.names('dataset', part.name)) return [];
  const of: Selector = { models: [], model_from: [], datasets: [part.name], settings: [] };
  loose.datasets = [{ ...part, name: null }];
  return [of];
}

/** "quantize phi-2", where the plan has a branch for each of several models; "back to gpt2: also quantize it". */
function limitOfStep(clause: Clause, view: PlanView): Selector[] {
  const { models, from, cues } = clause;
  const isHeld = models.length > 0 && models.every((said) => view.names('model', said));
  const several = view.count('model') > 1 && models.length < view.count('model');
  if (!isHeld) return [];
  const refersTo = from.filter((one) => one !== 'beside');
  // "the finetuned gpt2" is made here, and no model to start from.
  const isMade = refersTo.length > 0 && refersTo.every((one) => one.startsWith('after:') && view.hasTask(one.slice(6)));
  if (!(isMade || (refersTo.length === 0 && (several || cues.has('it'))))) return [];
  return [{ models: models.splice(0), model_from: [], datasets: [], settings: [] }];
}

/** Nothing is said beside the variants. */
export function isSpent({ loose, clauses, paths, amounts }: Reading): boolean {
  return clauses.length === 0 && isBare(loose) && loose.from.length === 0 && paths.length + amounts.length === 0;
}
