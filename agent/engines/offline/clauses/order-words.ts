/** Words of order: "then", "first", "before quantizing", "at the end". */
import type { Piece } from '../values.ts';
import { pushNew } from './clause.ts';
import { ahead, isDataset, isWord, type Order, type Parse, peek, says } from './parse.ts';
import { leadReach, moveToFront } from './placing.ts';
import { begin, evaluate } from './steps.ts';

export function readThen(parse: Parse): void {
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
export function readLast(parse: Parse): void {
  if (closes(peek(parse, 1)) || says(parse, 1, 'on', 'with')) parse.current?.cues.add('last');
  else readThen(parse);
}

/** "quantize it, but finetune it first", "first load squad"; but "the first 500 rows" says no order. */
export function readFirst(parse: Parse): void {
  const { current } = parse;
  if (current !== undefined && closes(peek(parse, 1))) moveToFront(parse, current);
  else if (namesTaskNext(parse)) parse.lead = { order: 'first', at: parse.at };
}

function closes(piece: Piece | undefined): boolean {
  return piece === undefined || piece.k === 'mark' || isWord(piece, 'and', 'then');
}

export function readOrder(parse: Parse, order: Order): void {
  if (order === 'after' && isAdverb(parse)) return readThen(parse);
  // "check gpt2 on imdb before and after quantizing": only a measurement has two sides.
  if (order === 'around' && !parse.clauses.some(({ task }) => task === 'evaluate')) evaluate(parse);
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
    !between.some((piece) => piece.k === 'word' && /^(you|i|we)\b/i.test(piece.text)) ||
    between.some((piece) => isWord(piece, 'is', 'to'))
  );
}

/** What may stand between a word of order and its step: "before and after 4-bit quantization". */
function isWithin(piece: Piece): boolean {
  return piece.k === 'value' || piece.k === 'amount' || (piece.k === 'mark' && piece.text === '-');
}

function namesTaskNext(parse: Parse): boolean {
  const task = ahead(
    parse,
    leadReach - 1,
    (piece) => piece.k === 'task',
    (piece) => isWord(piece, 'the', 'it', 'is', 'filler', 'a', 'of') || isWithin(piece),
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
