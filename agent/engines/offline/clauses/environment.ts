/** An environment and its packages: "an isolated env with torch 2.1 and peft". */
import type { Piece } from '../values.ts';
import type { SmallWord } from '../vocabulary/small-words.ts';
import { type Clause, newClause } from './clause.ts';
import { ahead, around, isValueOf, isWord, type Parse } from './parse.ts';

/** Makes an environment, or fills the one that was spoken of; "the environment" alone makes none. */
export function readEnvironment(parse: Parse): void {
  const made = parse.clauses.find(({ task }) => task === 'create_env');
  const lists = listsPackages(parse);
  if (!lists && (made !== undefined || !(isIntroduced(parse) || isMade(parse)))) return;
  const clause = made ?? placeEnvironment(parse);
  const python = around(parse, -1, -2, -3).find((piece) => isValueOf(piece, 'python_version'));
  if (python?.k === 'value') clause.settings.set('python_version', python.values);
  collectPackages(parse, clause);
  const early = parse.loose.settings.get('python_version');
  if (early !== undefined) clause.settings.set('python_version', early);
  parse.loose.settings.delete('python_version');
}

function listsPackages(parse: Parse): boolean {
  const found = ahead(
    parse,
    3,
    (piece) => piece.k === 'requirement' || piece.k === 'unknown' || isValueOf(piece, 'python_version'),
    (piece) => piece.k === 'word' || (piece.k === 'mark' && piece.text === ':'),
  );
  return found !== undefined;
}

/** "an env", "a python 3.11 env", "a fresh isolated env". */
function isIntroduced({ pieces, at }: Parse): boolean {
  const article = pieces.slice(0, at).findLast((piece) => piece.k !== 'value' && !isWord(piece, 'filler'));
  return isWord(article, 'a');
}

function isMade(parse: Parse): boolean {
  return saysBefore(parse, 'make', 'also');
}

function saysBefore(parse: Parse, ...words: SmallWord[]): boolean {
  return around(parse, -1, -2, -3, -4).some((piece) => isWord(piece, ...words));
}

/** An environment that is spoken of within a step's words serves that step and those after it. */
function placeEnvironment(parse: Parse): Clause {
  const { current, clauses } = parse;
  const clause = newClause('create_env', 'noun');
  if (current !== undefined && !isMade(parse) && clauses.includes(current)) {
    const servesAll = saysBefore(parse, 'both', 'each', 'three', 'them');
    clauses.splice(servesAll ? 0 : clauses.indexOf(current), 0, clause);
  } else {
    clauses.push(clause);
    parse.current = clause;
  }
  return clause;
}

/** Reads on while there are packages, and what joins them. */
function collectPackages(parse: Parse, { settings }: Clause): void {
  const found = settings.get('requirements') ?? [];
  let at = parse.at + 1;
  for (; at < parse.pieces.length; at++) {
    const piece = parse.pieces[at] as Piece;
    const next = parse.pieces[at + 1];
    const named = packageOf(piece);
    const version = piece.k === 'unknown' ? versionOf(next) : undefined;
    if (version !== undefined) at++;
    if (named !== undefined) found.push(version === undefined ? named : `${named}==${version}`);
    else if (piece.k === 'value' && piece.field === 'python_version') settings.set(piece.field, piece.values);
    else if (!joinsPackages(piece, next)) break;
  }
  parse.at = at - 1;
  if (found.length > 0) settings.set('requirements', found);
}

/** The package that a piece names; some are words of ours, too. */
function packageOf(piece: Piece | undefined): string | undefined {
  if (piece?.k === 'requirement') return piece.text;
  if (piece?.k === 'unknown') return !piece.quoted && /^[a-z][\w.-]*$/i.test(piece.text) ? piece.text : undefined;
  const text = piece !== undefined && 'text' in piece ? (piece.text ?? '').toLowerCase() : '';
  return /^(peft|bitsandbytes|datasets|hqq|optimum|scikit-learn|awq|gptq)$/.test(text) ? text : undefined;
}

function versionOf(piece: Piece | undefined): string | undefined {
  if (piece?.k === 'amount') return piece.said;
  return piece?.k === 'unknown' && /^v?\d+(\.\d+)*$/.test(piece.text) ? piece.text.replace(/^v/, '') : undefined;
}

function joinsPackages(piece: Piece, next: Piece | undefined): boolean {
  if (piece.k === 'mark') return /^[,:()'"]$/.test(piece.text);
  if (isWord(piece, 'and', 'also')) return packageOf(next) !== undefined || isValueOf(next, 'python_version');
  const leadsOn = next?.k !== 'task' && next?.k !== 'name';
  return leadsOn && isWord(piece, 'with', 'for', 'of', 'is', 'it', 'on', 'to', 'filler', 'the', 'make');
}

/** A package with its version that stands by itself belongs to the environment of the message. */
export function readStrayPackage({ clauses, loose }: Parse, requirement: string): void {
  const { settings } = clauses.findLast(({ task }) => task === 'create_env') ?? loose;
  settings.set('requirements', [...(settings.get('requirements') ?? []), requirement]);
}
