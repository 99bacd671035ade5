/** Reads pieces as clauses, one a step. */
import type { Piece } from '../values.ts';
import type { Noun } from '../vocabulary/small-words.ts';
import { isBare, type Reading } from './clause.ts';
import { readEnvironment, readStrayPackage } from './environment.ts';
import { readAmount, readValue } from './input-values.ts';
import { readName, readUnknown } from './names.ts';
import { type Background, note, type Parse, startParse } from './parse.ts';
import { readAdapter, readId, readPath } from './paths.ts';
import { settle } from './settle.ts';
import { readTask } from './steps.ts';
import { readWord } from './words.ts';

export function readClauses(pieces: readonly Piece[], background: Background): Reading {
  const parse = startParse(pieces, background);
  for (; parse.at < pieces.length; parse.at++) readPiece(parse, pieces[parse.at] as Piece);
  settle(parse);
  return parse;
}

function readPiece(parse: Parse, piece: Piece): void {
  switch (piece.k) {
    case 'task':
      return readTask(parse, piece.task, piece.form);
    case 'word':
      return readWord(parse, piece.w);
    case 'noun':
      return readNoun(parse, piece.n);
    case 'name':
      return readName(parse, piece);
    case 'path':
    case 'hub':
      return readPath(parse, piece.text);
    case 'value':
      return readValue(parse, piece);
    case 'amount':
      return readAmount(parse, piece);
    case 'requirement':
      return readStrayPackage(parse, piece.text);
    case 'unknown':
      return readUnknown(parse, piece);
    case 'mark':
      return readMark(parse, piece.text);
    case 'id':
      return readId(parse, piece.text);
  }
}

function readNoun(parse: Parse, noun: Noun): void {
  note(parse, noun);
  if (noun === 'env' && parse.facts.has('create_env')) readEnvironment(parse);
  if (noun === 'lora') readAdapter(parse);
}

function readMark(parse: Parse, text: string): void {
  if (/[.;!?]/.test(text)) endSentence(parse);
  const staysOpen = parse.lead?.order === 'earlier' && text === ',';
  if (/[.;!?,]/.test(text) && !staysOpen) parse.lead = undefined;
}

/** What was said before anything was named is a goal, until it is said again as a step. */
function endSentence(parse: Parse): void {
  parse.newSentence = true;
  if (![parse.loose, ...parse.clauses].every(isBare)) return;
  for (const { cues } of parse.clauses) cues.add('goal');
}
