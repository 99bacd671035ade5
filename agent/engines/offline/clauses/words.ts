/** Small words that act: those that order, negate and refer, and verbs that ask for a step without naming it. */
import type { Piece } from '../values.ts';
import type { SmallWord } from '../vocabulary/small-words.ts';
import { pushNew } from './clause.ts';
import { readValue } from './input-values.ts';
import { dropLast, readNegation, reject } from './negation.ts';
import {
  ahead,
  isDataset,
  isModel,
  isNoun,
  isValueOf,
  isWord,
  note,
  type Order,
  type Parse,
  peek,
  says,
  spelling,
} from './parse.ts';
import { readReference, readSameModel, readVersion } from './results.ts';
import { begin, evaluate, moveToFront, readTask } from './steps.ts';
import { beginsVariant, readVariant } from './variants.ts';

export function readWord(parse: Parse, word: SmallWord): void {
  if (beginsVariant(parse)) return readVariant(parse);
  if (spelling(parse) === 'first') return readFirst(parse);
  switch (word) {
    case 'not':
      return readNegation(parse);
    case 'instead_of':
    case 'swap':
      return reject(parse);
    case 'not_needed':
      return dropLast(parse);
    case 'after':
    case 'before':
    case 'around':
      return readOrder(parse, word);
    case 'earlier':
      parse.lead = { order: 'earlier', at: parse.at };
      return;
    case 'then':
      return readThen(parse);
    case 'last':
      return readLast(parse);
    case 'loaded':
      return readLoaded(parse);
    case 'same_model':
      return readSameModel(parse);
    case 'both':
    case 'each':
    case 'them':
    case 'it':
    case 'three':
    case 'base':
    case 'unquantized':
      return readReference(parse, word);
    case 'version':
      return readVersion(parse);
    case 'load':
      return readLoad(parse);
    case 'make':
      return readMake(parse);
    case 'test':
      return readTest(parse);
    case 'check':
      return readCheck(parse);
    case 'how':
      return readHow(parse);
    case 'scratch':
      return readScratch(parse);
    case 'how_good':
      return evaluate(parse);
    case 'also':
      return isDegree(parse) ? undefined : note(parse, word);
    default:
      note(parse, word);
  }
}

/** "too high", "too big for my card": how much, and not what else. */
function isDegree(parse: Parse): boolean {
  const next = peek(parse, 1);
  if (spelling(parse) !== 'too' || next === undefined) return false;
  const text = 'text' in next ? (next.text ?? '') : '';
  return next.k === 'unknown' || (isWord(next, 'filler') && !/^(please|pls|plz|thanks)$/i.test(text));
}

function readThen(parse: Parse): void {
  if (parse.at === 0) parse.cues.add('then_first');
  parse.lead = undefined;
  if (goesOn(parse)) begin(parse, parse.current?.task ?? '', 'implied');
}

/** "finetune gpt2 on dolly and then on alpaca": the same once more, with what the first made. */
function goesOn({ current, facts, variants, ...parse }: Parse): boolean {
  const [preposition, dataset] = parse.pieces.slice(parse.at + 1, parse.at + 3);
  if (current === undefined || variants !== undefined || current.datasets.length === 0) return false;
  const trains = facts.makesModel(current.task) && !facts.quantizes(current.task);
  return trains && isWord(preposition, 'on') && (isDataset(dataset) || dataset?.k === 'path' || dataset?.k === 'hub');
}

/** "evaluate on squad at the end": a place, and no step that follows. */
function readLast(parse: Parse): void {
  if (closes(peek(parse, 1)) || says(parse, 1, 'on', 'with')) parse.current?.cues.add('last');
  else readThen(parse);
}

/** "quantize it, but finetune it first", "first load squad"; but "the first 500 rows" says no order. */
function readFirst(parse: Parse): void {
  const { current } = parse;
  if (current !== undefined && closes(peek(parse, 1))) moveToFront(parse, current);
  else if (namesTaskNext(parse)) parse.lead = { order: 'first', at: parse.at };
}

function closes(piece: Piece | undefined): boolean {
  return piece === undefined || piece.k === 'mark' || isWord(piece, 'and', 'then');
}

function readOrder(parse: Parse, order: Order): void {
  if (order === 'after' && isAdverb(parse)) return readThen(parse);
  parse.lead = { order, at: parse.at };
  if (namesTaskNext(parse)) return;
  if (order === 'after' && says(parse, -1, 'and')) completePair(parse);
  if (order === 'around') surroundNewest(parse);
}

/** "and after quantize it", "after, you must quantize": the step comes next, and is not what one waits for. */
function isAdverb(parse: Parse): boolean {
  const joined = says(parse, -1, 'and') || peek(parse, -1)?.k === 'mark';
  const asked = ahead(
    parse,
    5,
    (piece) => piece.k === 'task' && piece.form === 'verb',
    (piece) => isWord(piece, 'filler', 'is', 'to') || (piece.k === 'mark' && piece.text === ','),
  );
  if (!joined || asked === undefined) return false;
  const between = parse.pieces.slice(parse.at + 1, parse.at + asked);
  return (
    !between.some((piece) => piece.k === 'word' && /^(you|i|we)$/i.test(piece.text)) ||
    between.some((piece) => isWord(piece, 'is', 'to'))
  );
}

function namesTaskNext(parse: Parse): boolean {
  const task = ahead(
    parse,
    4,
    (piece) => piece.k === 'task',
    (piece) => isWord(piece, 'the', 'it', 'is', 'filler', 'a'),
  );
  return task !== undefined;
}

/** "before quantizing and after": the second half leaves the step out. */
function completePair({ clauses }: Parse): void {
  const evaluation = clauses.find(({ from }) => from.at(-1)?.startsWith('before:') === true);
  const before = evaluation?.from.at(-1);
  if (before !== undefined) pushNew(evaluation?.from ?? [], before.replace('before:', 'after:'));
}

/** "quantize it and evaluate before and after": around the step told last. */
function surroundNewest(parse: Parse): void {
  const { clauses, current: evaluation, facts, planned } = parse;
  if (evaluation === undefined) return;
  const earlier = clauses.slice(0, clauses.indexOf(evaluation));
  const made = earlier.findLast(({ task }) => facts.makesModel(task))?.task ?? [...planned].findLast(facts.makesModel);
  if (made !== undefined) for (const side of ['before', 'after']) pushNew(evaluation.from, `${side}:${made}`);
  parse.lead = undefined;
}

/** "load squad"; but "load gpt2 and finetune it" loads nothing by a step of its own. */
function readLoad(parse: Parse): void {
  const { facts } = parse;
  const offset = ahead(
    parse,
    4,
    ({ k }) => /^(name|path|hub|noun|value|unknown|amount)$/.test(k),
    (piece) => piece.k === 'word' && !isWord(piece, 'then', 'and', 'load'),
  );
  const object = offset === undefined ? undefined : peek(parse, offset);
  // "I read that …": words that are not always about data need data behind them.
  if (/^(read|open|pull)$/.test(spelling(parse)) && !/^(name|path|hub|noun)$/.test(object?.k ?? '')) return;
  if (isModel(object) || isNoun(object, 'env')) return;
  const task = loaderOf(parse);
  if (object === undefined) return readLoaded(parse);
  if (!facts.has(task)) return;
  parse.lead = undefined;
  begin(parse, task, 'verb');
}

/** "I need squad loaded": what was named before. */
function readLoaded(parse: Parse): void {
  const { facts, loose } = parse;
  if (loose.datasets.length + parse.paths.length > 0 && facts.has('load_dataset')) begin(parse, 'load_dataset', 'done');
  else parse.cues.add('load');
}

/** What is loaded: as the nearest noun says, else a dataset. */
function loaderOf(parse: Parse): string {
  const near = parse.pieces.slice(parse.at, parse.at + 7);
  const told = near.find((piece) => piece.k === 'noun' || isDataset(piece));
  if (isNoun(told, 'config')) return 'load_config';
  return isNoun(told, 'lora') ? 'load_lora' : 'load_dataset';
}

/** "convert it to 4 bits" quantizes; "make an environment" is read at the environment. */
function readMake(parse: Parse): void {
  const { clauses, facts } = parse;
  const bits = ahead(
    parse,
    4,
    (piece) => isValueOf(piece, 'bits'),
    (piece) => piece.k === 'word' || piece.k === 'name',
  );
  const quantizes = clauses.some(({ task }) => facts.takes(task, 'bits'));
  if (bits !== undefined && !quantizes && facts.has('ptq')) begin(parse, 'ptq', 'implied');
}

/** "test it", "test gpt2 on squad"; but "imdb test" and "the test set" are splits. */
function readTest(parse: Parse): void {
  const next = peek(parse, 1);
  const closes = next === undefined || next.k === 'mark' || isWord(next, 'and');
  // "quick test: tiny-llama on squad-mini": a heading.
  if (says(parse, 1, 'is') && parse.clauses.length === 0) return note(parse, 'test');
  if (isDataset(peek(parse, -1)) && closes) readValue(parse, { field: 'split', values: ['test'] });
  else if (parse.facts.has('evaluate')) readTask(parse, 'evaluate', 'verb');
}

/** "check its accuracy", "report perplexity"; but "get squad" loads it. */
function readCheck(parse: Parse): void {
  if (spelling(parse) === 'get' && namesDatasetNext(parse)) return readLoad(parse);
  parse.cues.add('check');
  const measure = ahead(
    parse,
    5,
    (piece) => isWord(piece, 'quality', 'how_good', 'base', 'unquantized') || isValueOf(piece, 'metrics'),
    (piece) => piece.k === 'word' || piece.k === 'name',
  );
  if (measure !== undefined) evaluate(parse);
}

function namesDatasetNext(parse: Parse): boolean {
  const dataset = ahead(
    parse,
    3,
    (piece) => isDataset(piece) || isNoun(piece, 'dataset'),
    (piece) => isWord(piece, 'the', 'a', 'filler'),
  );
  return dataset !== undefined;
}

/** "build a small model from scratch": a training, whatever its verb. */
function readScratch(parse: Parse): void {
  const { clauses, facts } = parse;
  const before = peek(parse, -1);
  const isReset = before?.k === 'word' && /^(start|begin|over|again)$/i.test(before.text);
  const isTold = clauses.some(({ task }) => task === 'train' || (facts.makesModel(task) && !facts.quantizes(task)));
  if (!isTold && !isReset && facts.has('train')) begin(parse, 'train', 'implied').cues.add('implied');
  note(parse, 'scratch');
}

/** "see how gpt2 does on squad", "how both of them do on imdb". */
function readHow(parse: Parse): void {
  const model = ahead(
    parse,
    3,
    (piece) => isModel(piece) || isWord(piece, 'it', 'both', 'them', 'each', 'three', 'base', 'unquantized'),
    (piece) => piece.k === 'word',
  );
  if (model !== undefined && parse.pieces.some(isDataset)) evaluate(parse);
}
