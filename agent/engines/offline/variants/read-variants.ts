/** Variants of the plan that a message tells apart, taken out of its words before it is read for steps. */
import { isWord } from '../clauses/parse.ts';
import type { Piece } from '../values.ts';
import { addThing, type Mention, newMention, readMention, tellsApart } from './mention.ts';
import type { PlanView } from './plan-view.ts';

export interface Variants {
  /** The message without them; "the 4-bit one" leaves an "it". */
  pieces: Piece[];
  /** What is not wanted: "leave out gpt2", "without the 4-bit one". */
  excluded: Mention[];
  /** What the rest is about: "the 4-bit one". */
  meant: Mention[];
}

const it: Piece = { k: 'word', w: 'it', text: 'it' };
const splitVerb = /^(leave|take|throw|kick|cut|rule|put|let)$/i;
const particle = /^(out|off|away|aside|behind)$/i;

export function readVariants(pieces: readonly Piece[], view: PlanView): Variants {
  const found: Variants = { pieces: [], excluded: [], meant: [] };
  if (view.isEmpty) return { ...found, pieces: [...pieces] };
  for (let at = 0; at < pieces.length; ) {
    at =
      readExclusion(found, pieces, at, view) ??
      readSwap(found, pieces, at, view) ??
      readReference(found, pieces, at, view) ??
      keep(found, pieces, at);
  }
  return found;
}

function keep(found: Variants, pieces: readonly Piece[], at: number): number {
  found.pieces.push(pieces[at] as Piece);
  return at + 1;
}

/** Where reading goes on behind an exclusion; undefined where there is none. */
function readExclusion(found: Variants, pieces: readonly Piece[], at: number, view: PlanView): number | undefined {
  const opener = pieces[at];
  const opens = isWord(opener, 'not') && pieces[at + 1] !== undefined && pieces[at + 1]?.k !== 'mark';
  const splits = !opens && textOf(opener, splitVerb);
  const replaces = isWord(opener, 'instead_of', 'swap');
  if (isWord(opener, 'not_needed')) return takeTopic(found, view) ? at + 1 : undefined;
  if (!(opens || splits || replaces)) return undefined;
  const { mention, end } = readMention(pieces, at + 1, view);
  const behind = end + (textOf(pieces[end], particle) ? 1 : 0);
  if (tellsApart(mention)) {
    const isOfName = mention.models.length + mention.datasets.length > 0;
    if ((splits && behind === end) || (replaces && isOfName)) return undefined;
    found.excluded.push(mention);
    return behind;
  }
  return mention.tasks.length === 0 && !replaces ? excludeTopic(found, pieces, at + 1, splits, view) : undefined;
}

/** "mmlu takes too long, leave it out": what was spoken of just before. */
function excludeTopic(
  found: Variants,
  pieces: readonly Piece[],
  from: number,
  splits: boolean,
  view: PlanView,
): number | undefined {
  if (!isWord(pieces[from], 'it', 'them')) return undefined;
  const isSplit = textOf(pieces[from + 1], particle);
  if (splits && !isSplit) return undefined;
  return takeTopic(found, view) ? from + (isSplit ? 2 : 1) : undefined;
}

/** Takes the thing that was named last, and what was said about it, out of the words read so far. */
function takeTopic(found: Variants, view: PlanView): boolean {
  const at = found.pieces.findLastIndex((piece) => isThing(piece));
  const mention = newMention();
  const piece = found.pieces[at];
  if (piece === undefined || piece.k === 'task' || !addThing(mention, piece, view)) {
    const meant = found.meant.pop();
    if (meant !== undefined) found.excluded.push(meant);
    return meant !== undefined;
  }
  found.pieces.length = at;
  found.excluded.push(mention);
  return true;
}

function isThing({ k }: Piece): boolean {
  return /^(name|path|hub|value|amount|task)$/.test(k);
}

/** "from 3 to 5", "3 epochs is a lot, 1 will do": a number of the plan that gives way to the one behind it. */
function readSwap(found: Variants, pieces: readonly Piece[], at: number, view: PlanView): number | undefined {
  const piece = pieces[at];
  const behind = endOfLink(pieces, at);
  const next = behind === undefined ? undefined : pieces[behind];
  const sameInput = piece?.k !== 'value' || next?.k !== 'value' || piece.field === next.field;
  if (next === undefined || !sameInput) return undefined;
  const mention = newMention();
  if (!addThing(mention, piece as Piece, view) || addThing(newMention(), next as Piece, view)) return undefined;
  found.excluded.push(mention);
  return behind;
}

function isNumber(piece: Piece | undefined): boolean {
  return piece?.k === 'amount' || piece?.k === 'value';
}

/** Where that stands which takes over: behind "to", or behind a judgement of the first. */
function endOfLink(pieces: readonly Piece[], at: number): number | undefined {
  const [piece, link, next] = pieces.slice(at, at + 3);
  const areNames = piece?.k === 'name' && next?.k === 'name' && piece.kind === next.kind;
  const isLinked = isWord(link, 'to') || (isWord(link, 'then') && !pieces.some(({ k }) => k === 'task'));
  if (isLinked) return areNames || (isNumber(piece) && isNumber(next)) ? at + 2 : undefined;
  return isNumber(piece) ? endOfJudgement(pieces, at + 1) : undefined;
}

function endOfJudgement(pieces: readonly Piece[], from: number): number | undefined {
  const end = pieces.findIndex((piece, at) => at >= from && isNumber(piece));
  const link = end < 0 || end > from + 10 ? [] : pieces.slice(from, end);
  const judges = link.some((piece) => isWord(piece, 'is', 'not', 'correct', 'instead'));
  return judges && link.every(isJudgement) ? end : undefined;
}

function isJudgement(piece: Piece): boolean {
  if (piece.k === 'word') return !isWord(piece, 'and', 'or', 'for', 'with', 'on');
  return piece.k === 'unknown' || piece.k === 'mark';
}

/** "the 8-bit one", "the one with rank 16": one of several that the plan has. */
function readReference(found: Variants, pieces: readonly Piece[], at: number, view: PlanView): number | undefined {
  const end = isWord(pieces[at], 'the')
    ? endOfReference(pieces, at + 1)
    : isWord(pieces[at], 'for')
      ? endOfTopic(pieces, at + 1)
      : undefined;
  if (end === undefined) return undefined;
  const words = pieces.slice(0, end).map((piece, index) => (index > at && piece.k === 'task' ? it : piece));
  const { mention } = readMention(words, at + 1, view);
  if (!isOneOfSeveral(mention, view)) return undefined;
  found.meant.push(mention);
  found.pieces.push(it);
  return end;
}

function endOfReference(pieces: readonly Piece[], from: number): number | undefined {
  if (isWord(pieces[from], 'version')) {
    // "the one trained on imdb": how it came about is passed over.
    const link = pieces[from + 1]?.k === 'task' ? from + 2 : from + 1;
    const linked = isWord(pieces[link], 'with', 'on', 'of', 'to', 'from', 'for');
    return linked && isThing(pieces[link + 1] ?? it) ? link + 2 : undefined;
  }
  let at = from;
  while (at < from + 3 && pieces[at] !== undefined && isThing(pieces[at] as Piece) && pieces[at]?.k !== 'task') at++;
  return at > from && isWord(pieces[at], 'version') ? at + 1 : undefined;
}

/** "for 1e-4 use 5 epochs": what the rest is about. */
function endOfTopic(pieces: readonly Piece[], from: number): number | undefined {
  const thing = pieces[from];
  const next = pieces[from + 1];
  const leads = isWord(next, 'use', 'is', 'change', 'make', 'with') || (next?.k === 'mark' && /[,:]/.test(next.text));
  return (thing?.k === 'value' || thing?.k === 'amount') && leads ? from + 1 : undefined;
}

function isOneOfSeveral({ tasks, models, datasets, settings }: Mention, view: PlanView): boolean {
  if (tasks.length > 0 || models.length + datasets.length + settings.length === 0) return false;
  const several = (kind: 'model' | 'dataset', names: readonly string[]) => names.length === 0 || view.count(kind) > 1;
  return (
    several('model', models) &&
    several('dataset', datasets) &&
    settings.every(({ input }) => view.valuesOf(input).length > 1)
  );
}

function textOf(piece: Piece | undefined, pattern: RegExp): boolean {
  return piece !== undefined && 'text' in piece && pattern.test(piece.text ?? '');
}
