/** Which variants a change or a step is about: "give phi-2 only 1 epoch", "quantize the 1e-4 one". */
import type { Command, Selector } from '../../../commands.ts';
import { type Clause, hasAny } from '../clauses/clause.ts';
import type { Piece } from '../values.ts';
import { tellsApart } from '../variants/mention.ts';
import type { PlanView } from '../variants/plan-view.ts';
import { setting, union, type Wish } from './wish.ts';

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
