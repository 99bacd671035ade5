/** What is not wanted: "without quantizing", "not gpt2", "instead of squad". */
import type { Piece } from '../values.ts';
import { pushNew } from './clause.ts';
import { ahead, isNoun, isWord, type Parse, peek, says } from './parse.ts';

export function readNegation(parse: Parse): void {
  const next = peek(parse, 1);
  if (next === undefined || next.k === 'mark') return takeBack(parse);
  const task = negatedTask(parse);
  if (task !== undefined) return drop(parse, task);
  const provider = negatedProvider(parse);
  if (provider !== undefined) return dropProvider(parse, provider);
  if (isThing(next)) return reject(parse);
  if (isWord(next, 'test')) {
    pushNew(parse.dropped, 'evaluate');
    parse.at += 1;
  }
}

/** "gpt2, no, phi-2". */
function takeBack(parse: Parse): void {
  parse.cues.add('correct');
  parse.correctedAt = parse.at;
}

/** "drop the env", "without an adapter", "not from scratch": how far ahead stands what is not wanted. */
function negatedProvider(parse: Parse): number | undefined {
  return ahead(
    parse,
    4,
    (piece) => isNoun(piece, 'env', 'lora', 'config') || isWord(piece, 'scratch'),
    (piece) => isWord(piece, 'the', 'a', 'filler', 'use', 'with', 'not', 'it') && !isWord(piece, 'scratch'),
  );
}

const providers = { env: 'create_env', lora: 'load_lora', config: 'load_config' } as const;

function dropProvider(parse: Parse, offset: number): void {
  parse.at += offset;
  const piece = peek(parse, 0);
  if (isNoun(piece, 'env', 'lora', 'config'))
    pushNew(parse.dropped, providers[(piece as { n: keyof typeof providers }).n]);
}

function negatedTask(parse: Parse): number | undefined {
  return ahead(
    parse,
    5,
    (piece) => piece.k === 'task',
    (piece) =>
      piece.k === 'noun' ||
      isWord(piece, 'the', 'a', 'it', 'filler', 'check', 'is', 'not', 'make', 'use', 'change') ||
      isWord(piece, 'to', 'version', 'again', 'also', 'for', 'each', 'them'),
  );
}

/** Drops the task, and those joined to it: "without quantizing or evaluating". */
function drop(parse: Parse, offset: number): void {
  parse.at += offset;
  const first = peek(parse, 0);
  if (first?.k !== 'task') return;
  pushNew(parse.dropped, first.task);
  const step = says(parse, 2, 'the', 'not') ? 3 : 2;
  const next = peek(parse, step);
  const sameForm = next?.k === 'task' && next.form === first.form && first.form !== 'verb';
  if (next?.k === 'task' && (says(parse, 1, 'or') || (says(parse, 1, 'and') && sameForm))) return drop(parse, step);
  // "don't evaluate it": the rest of the dropped step's words.
  while (says(parse, 1, 'it', 'them', 'version')) parse.at++;
}

/** "evaluation isn't needed": the step just told; "the env isn't needed": what was spoken of. */
export function dropLast(parse: Parse): void {
  const noun = parse.pieces.slice(0, parse.at).findLast((piece) => piece.k === 'noun' || piece.k === 'task');
  if (isNoun(noun, 'env', 'lora', 'config'))
    return pushNew(parse.dropped, providers[(noun as { n: keyof typeof providers }).n]);
  const last = parse.clauses.pop();
  if (last === undefined) return;
  pushNew(parse.dropped, last.task);
  parse.current = parse.clauses.at(-1);
}

/** The name or step behind "not" or "instead of" is the one that gives way. */
export function reject(parse: Parse): void {
  parse.cues.add('instead');
  let offset = 1;
  while (says(parse, offset, 'the', 'a', 'on', 'with', 'it')) offset++;
  const piece = peek(parse, offset);
  if (piece?.k === 'name') parse.rejected.push({ kind: piece.kind, said: piece.said });
  else if (piece?.k === 'task' && offset === 1) pushNew(parse.dropped, piece.task);
  else if (piece === undefined || !isThing(piece)) return;
  parse.at += offset;
}

function isThing({ k }: Piece): boolean {
  return /^(name|path|hub|value|amount)$/.test(k);
}
