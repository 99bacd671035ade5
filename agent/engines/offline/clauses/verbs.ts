/** Verbs and phrases that ask for a step without naming it: "load squad", "check its accuracy", "from scratch". */
import type { Piece } from '../values.ts';
import { readValue } from './input-values.ts';
import {
  ahead,
  around,
  isDataset,
  isModel,
  isNoun,
  isValueOf,
  isWord,
  note,
  type Parse,
  peek,
  says,
  spelling,
} from './parse.ts';
import { begin, evaluate, readTask } from './steps.ts';

/** "load squad"; but "load gpt2 and finetune it" loads nothing by a step of its own. */
export function readLoad(parse: Parse): void {
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
export function readLoaded(parse: Parse): void {
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
export function readMake(parse: Parse): void {
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
export function readTest(parse: Parse): void {
  const next = peek(parse, 1);
  const closes = next === undefined || next.k === 'mark' || isWord(next, 'and');
  // "for a quick test only 500 rows": what it is for.
  if (isPurpose(parse)) return;
  // "quick test: tiny-llama on squad-mini": a heading.
  if (says(parse, 1, 'is') && parse.clauses.length === 0) return note(parse, 'test');
  if (isDataset(peek(parse, -1)) && closes) readValue(parse, { field: 'split', values: ['test'] });
  else if (parse.facts.has('evaluate')) readTask(parse, 'evaluate', 'verb');
}

function isPurpose(parse: Parse): boolean {
  const [one, two, three] = around(parse, -1, -2, -3);
  const isArticle = (piece: Piece | undefined) => isWord(piece, 'a', 'the');
  return (isArticle(one) && isWord(two, 'for')) || (isArticle(two) && isWord(three, 'for'));
}

/** "check its accuracy", "report perplexity"; but "get squad" loads it. */
export function readCheck(parse: Parse): void {
  if (spelling(parse) === 'get' && namesDatasetNext(parse)) return readLoad(parse);
  parse.cues.add('check');
  const measure = ahead(
    parse,
    5,
    (piece) => isWord(piece, 'quality', 'loss', 'how_good', 'base', 'unquantized') || isValueOf(piece, 'metrics'),
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
export function readScratch(parse: Parse): void {
  const { clauses, facts } = parse;
  const before = peek(parse, -1);
  const isReset = before?.k === 'word' && /^(start|begin|over|again)$/i.test(before.text);
  const isTold = clauses.some(({ task }) => task === 'train' || (facts.makesModel(task) && !facts.quantizes(task)));
  if (!isTold && !isReset && facts.has('train')) begin(parse, 'train', 'implied').cues.add('implied');
  note(parse, 'scratch');
}

/** "see how gpt2 does on squad", "how both of them do on imdb". */
export function readHow(parse: Parse): void {
  const model = ahead(
    parse,
    3,
    (piece) => isModel(piece) || isWord(piece, 'it', 'both', 'them', 'each', 'three', 'base', 'unquantized'),
    (piece) => piece.k === 'word',
  );
  if (model !== undefined && parse.pieces.some(isDataset)) evaluate(parse);
}
