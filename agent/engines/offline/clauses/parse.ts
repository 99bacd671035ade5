/** Reading from left to right: where we are, what stands around, what has been understood so far. */
import type { TaskFacts } from '../task-facts.ts';
import type { Piece } from '../values.ts';
import type { Noun, SmallWord } from '../vocabulary/small-words.ts';
import { type Clause, newClause, type Reading } from './clause.ts';

/** Which way a step goes from the one that is being spoken of; `first` is before all others. */
export type Order = 'after' | 'before' | 'around' | 'earlier' | 'first' | 'within';

/** What the message is read in the light of. */
export interface Background {
  facts: TaskFacts;
  /** Tasks of the last plan. */
  planned: ReadonlySet<string>;
  /** Inputs of the open question: a name said before any step answers it. */
  asked: ReadonlySet<string>;
}

export interface Parse extends Reading, Background {
  pieces: readonly Piece[];
  /** Index of the piece that is being read. */
  at: number;
  /** The step that is being spoken of. */
  current: Clause | undefined;
  /** "before quantizing, finetune": steps that wait for the one they follow. */
  deferred: Clause[];
  /** A word of order, which the next step's words are read by. */
  lead: { order: Order; at: number } | undefined;
  /** Where a "no," stood that takes back what was said before it. */
  correctedAt: number;
  /** A step that is told in several ways: what was said of it before, and the way told last. */
  variants: { base: Clause; last: Clause } | undefined;
  /** A sentence has ended since the last step's words. */
  newSentence: boolean;
}

export function startParse(pieces: readonly Piece[], background: Background): Parse {
  return {
    ...background,
    pieces,
    at: 0,
    current: undefined,
    deferred: [],
    lead: undefined,
    correctedAt: Number.NEGATIVE_INFINITY,
    variants: undefined,
    newSentence: false,
    clauses: [],
    loose: newClause('', 'implied'),
    dropped: [],
    rejected: [],
    paths: [],
    amounts: [],
    unknown: [],
    cues: new Set(),
  };
}

export function peek(parse: Parse, offset: number): Piece | undefined {
  return parse.pieces[parse.at + offset];
}

/** The pieces at these places around the one being read. */
export function around(parse: Parse, ...offsets: number[]): (Piece | undefined)[] {
  return offsets.map((offset) => peek(parse, offset));
}

export function says(parse: Parse, offset: number, ...words: SmallWord[]): boolean {
  return isWord(peek(parse, offset), ...words);
}

export function isWord(piece: Piece | undefined, ...words: SmallWord[]): boolean {
  return piece?.k === 'word' && words.includes(piece.w);
}

export function isNoun(piece: Piece | undefined, ...nouns: Noun[]): boolean {
  return piece?.k === 'noun' && nouns.includes(piece.n);
}

export function isModel(piece: Piece | undefined): boolean {
  return piece?.k === 'name' && piece.kind === 'model';
}

export function isDataset(piece: Piece | undefined): boolean {
  return piece?.k === 'name' && piece.kind === 'dataset';
}

export function isValueOf(piece: Piece | undefined, field: string): boolean {
  return piece?.k === 'value' && piece.field === field;
}

/** How far ahead the first piece is that `wanted` accepts, past pieces that `through` lets pass. */
export function ahead(
  parse: Parse,
  reach: number,
  wanted: (piece: Piece) => boolean,
  through: (piece: Piece) => boolean,
): number | undefined {
  for (let offset = 1; offset <= reach; offset++) {
    const piece = peek(parse, offset);
    if (piece === undefined) return undefined;
    if (wanted(piece)) return offset;
    if (!through(piece)) return undefined;
  }
  return undefined;
}

/** How the word that is being read is written, in lower case. */
export function spelling(parse: Parse): string {
  const piece = peek(parse, 0);
  return piece !== undefined && 'text' in piece ? (piece.text ?? '').toLowerCase() : '';
}

/** "gpt2, sorry, phi-2": whether what comes takes back what stood before. */
export function corrects(parse: Parse): boolean {
  return parse.at - parse.correctedAt <= 3 || around(parse, -1, -2, -3).some((piece) => isWord(piece, 'correct'));
}

/** Whether one of these words stands within reach. */
export function saysNear(parse: Parse, ...words: SmallWord[]): boolean {
  return around(parse, -2, -1, 1, 2, 3).some((piece) => isWord(piece, ...words));
}

/** Whether the step's words go on with a model of its own. */
export function namesModelNext(parse: Parse): boolean {
  return ahead(parse, 3, isModel, (piece) => isWord(piece, 'a', 'the', 'of', 'for', 'filler')) !== undefined;
}

/** Writes down a hint, for the message and for the step being spoken of. */
export function note(parse: Parse, cue: SmallWord | Noun): void {
  parse.cues.add(cue);
  parse.current?.cues.add(cue);
}
