/** Names of models and datasets, and the steps that they belong to. */
import type { ItemOf } from '../items.ts';
import type { Piece } from '../values.ts';
import { type Clause, newClause, pushNew } from './clause.ts';
import { around, corrects, isModel, isNoun, isWord, type Parse, peek, says } from './parse.ts';

export function readName(parse: Parse, { kind, said, article, settled }: ItemOf<'name'>): void {
  const isRejected = parse.rejected.some(
    (other) => other.kind === kind && other.said.toLowerCase() === said.toLowerCase(),
  );
  if (isRejected) return;
  if (kind === 'dataset') return addDataset(parse, said);
  const { current } = parse;
  // "train a gpt2 from scratch": what the new model is to be like.
  if (current?.task === 'train' && (article || !settled)) current.cues.add('described');
  addModel(parse, said);
}

export function addModel(parse: Parse, said: string): void {
  const { current, facts } = parse;
  if (current === undefined || !(facts.takesModel(current.task) || current.task === 'train')) {
    if (corrects(parse)) parse.loose.models.pop();
    pushNew(parse.loose.models, said);
    return;
  }
  if (current.cues.delete('weak_model')) current.models.pop();
  if (corrects(parse) && current.models.length > 0) current.models.splice(-1, 1, said);
  else if (leavesVerbOut(parse, current)) beginBeside(parse, current).models.push(said);
  else pushNew(current.models, said);
}

/** "finetune gpt2 on squad and phi-2 on imdb": a second step with its verb left out. */
function leavesVerbOut(parse: Parse, { models }: Clause): boolean {
  if (models.length === 0) return false;
  const last = parse.pieces
    .slice(0, parse.at)
    .findLast((piece) => piece.k === 'name' || piece.k === 'value' || piece.k === 'path');
  const joined = says(parse, -1, 'and') || says(parse, -2, 'and') || peek(parse, -1)?.k === 'mark';
  return joined && last !== undefined && !isModel(last);
}

function beginBeside(parse: Parse, before: Clause): Clause {
  const clause: Clause = {
    ...newClause(before.task, before.form),
    datasets: before.datasets.map(({ name, settings }) => ({ name, settings: new Map(settings) })),
    cues: new Set(['beside', 'copied']),
  };
  parse.clauses.splice(parse.clauses.indexOf(before) + 1, 0, clause);
  parse.current = clause;
  return clause;
}

export function addDataset(parse: Parse, said: string): void {
  const clause = datasetTaker(parse) ?? parse.loose;
  if (corrects(parse)) clause.datasets.pop();
  if (clause.cues.delete('copied')) clause.datasets.length = 0;
  putDataset(clause, said);
}

export function putDataset(clause: Clause, said: string): void {
  // "the local file x.json": a word that only stood where a name might gives way to one that surely is.
  if (clause.cues.delete('weak_dataset')) clause.datasets.pop();
  clause.datasets.push({ name: said, settings: new Map(clause.waiting) });
  clause.waiting.clear();
}

/** Where a dataset belongs: to calibration where that is the talk, else to the step being spoken of. */
function datasetTaker(parse: Parse): Clause | undefined {
  const { current, clauses, facts } = parse;
  const quantizer = calibrates(parse) ? clauses.findLast(({ task }) => facts.quantizes(task)) : undefined;
  if (quantizer !== undefined) return quantizer;
  const outer = outerStep(parse);
  if (outer !== undefined) return outer;
  return current !== undefined && takesDatasetName(parse, current) && !isOfNext(parse, current) ? current : undefined;
}

/** "calibrate it with 128 samples of wikitext", "wikitext as the calibration set". */
function calibrates({ pieces, at }: Parse): boolean {
  const isOther = (piece: Piece) => piece.k === 'task' || piece.k === 'name' || isWord(piece, 'then');
  const before = pieces.slice(pieces.slice(0, at).findLastIndex(isOther) + 1, at);
  return [...before.slice(-8), ...pieces.slice(at + 1, at + 4)].some((piece) => isNoun(piece, 'calibration'));
}

/** "evaluate a gpt2 finetuned on imdb, on yelp": the step in whose words the one being spoken of was told. */
function outerStep(parse: Parse): Clause | undefined {
  const { clauses, current, facts } = parse;
  if (current?.form !== 'done' || !current.cues.has('told_late') || current.datasets.length === 0) return undefined;
  const outer = clauses[clauses.indexOf(current) + 1];
  const isSetApart = says(parse, -1, 'on') && peek(parse, -2)?.k === 'mark';
  return isSetApart && outer?.datasets.length === 0 && facts.takesDataset(outer.task) ? outer : undefined;
}

/** "then gsm8k eval", "b.csv for evaluation": the step behind the name takes it, and not the one being spoken of. */
function isOfNext(parse: Parse, { task, settings }: Clause): boolean {
  const { facts } = parse;
  // Only calibration data is a quantization's own.
  if (facts.quantizes(task) && !(settings.has('method') || says(parse, -1, 'with'))) return true;
  const lead = says(parse, -1, 'on') ? peek(parse, -2) : peek(parse, -1);
  const isFree = lead?.k === 'mark' || isWord(lead, 'then', 'and', 'a');
  const user =
    isFree && peek(parse, 1)?.k === 'task' ? peek(parse, 1) : says(parse, 1, 'for') ? peek(parse, 2) : undefined;
  if (
    user?.k !== 'task' ||
    (user.form === 'done' && !isModel(peek(parse, 2))) ||
    user.task === task ||
    !facts.takesDataset(user.task)
  )
    return false;
  // "finetune gpt2 using imdb for training": the training is the one being spoken of.
  return !(user.task === 'train' && facts.makesModel(task));
}

function takesDatasetName({ facts }: Parse, { task }: Clause): boolean {
  return facts.takesDataset(task) || task === 'load_dataset';
}

/** A word that nobody knows: a name, where it stands in the place of one. */
export function readUnknown(parse: Parse, { text, quoted }: ItemOf<'unknown'>): void {
  parse.unknown.push(text);
  const { current, facts } = parse;
  if (quoted || current === undefined) return;
  if (takesDatasetName(parse, current) && current.datasets.length === 0 && standsForDataset(parse, current)) {
    putDataset(current, text);
    current.cues.add('weak_dataset');
  } else if (facts.takesModel(current.task) && current.models.length === 0 && standsForModel(parse, text)) {
    current.models.push(text);
    current.cues.add('weak_model');
  }
}

function standsForDataset(parse: Parse, { task }: Clause): boolean {
  const isLoaded = task === 'load_dataset' && says(parse, -1, 'load', 'the');
  return says(parse, -1, 'on') || isNoun(peek(parse, 1), 'dataset') || isLoaded;
}

/** Right behind the verb: "finetune foo", "finetune the foo-7b". */
function standsForModel(parse: Parse, text: string): boolean {
  const [before, beforeThat] = around(parse, -1, -2);
  if (before?.k === 'task') return before.form !== 'noun';
  const looksLikeName = /[\d_-]|[a-z][A-Z]/.test(text);
  return says(parse, -1, 'the') && beforeThat?.k === 'task' && looksLikeName;
}
