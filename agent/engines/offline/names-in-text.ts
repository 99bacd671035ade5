/** Names of models and datasets, as they stand among the words of a message. */
import type { NameKind, Names, Resolution } from '../../aliases.ts';
import { compact, isTypoOf, nameTokens } from '../../words.ts';
import type { Token } from './lexer.ts';
import { isOrdinary } from './lexicon.ts';

interface NameReader {
  tokens: readonly Token[];
  names: Names;
}

const longestName = 6;
/** What a model of a family is told apart by, beside its size. */
const variant = /^(instruct|chat|mini|small|medium|large|xl|coder)$/;

export interface FoundName {
  kind: NameKind;
  said: string;
  settled: boolean;
  length: number;
}

/** "the llama 2 with 13b", "llama 3.1 8b, the instruct version": a size or a variant that is told behind the name. */
export function qualified({ tokens, names }: NameReader, at: number, found: FoundName): FoundName {
  const end = at + found.length;
  const linked = tokens.slice(end).findIndex(({ lower }) => !/^(,|\(|-|with|in|as|the|at|its)$/.test(lower));
  const part = tokens[end + linked];
  if (found.kind !== 'model' || linked < 1 || linked > 3 || part === undefined) return found;
  const told = tokens[end + linked - 1]?.lower === 'the';
  const isSize = /^\d+(\.\d+)?[bm]$/.test(part.lower) && (told || tokens[end]?.lower !== ',');
  const isVariant = variant.test(part.lower) && told;
  const said = `${found.said} ${part.text}`;
  const resolved = isSize || isVariant ? names.resolve('model', said) : undefined;
  if (resolved === undefined || !isFound(resolved)) return found;
  return { kind: 'model', said, settled: resolved.kind === 'known', length: found.length + linked + 1 };
}

/** A run of up to five words that is exactly a known name. */
export function exactName({ tokens, names }: NameReader, at: number): FoundName | undefined {
  for (let length = Math.min(5, tokens.length - at); length > 0; length--) {
    const run = tokens.slice(at, at + length);
    if (run.some(({ kind }) => kind !== 'word' && kind !== 'number') || countsSomething(tokens, at + length)) continue;
    const said = textOf(run);
    for (const kind of ['model', 'dataset'] as const) {
      if (names.exact(kind, said) !== undefined) return { kind, said, settled: true, length };
    }
  }
  return undefined;
}

/** Whether the number that a run ends with counts what follows: "llama 3 epochs". */
function countsSomething(tokens: readonly Token[], end: number): boolean {
  const last = tokens[end - 1];
  const next = tokens[end];
  if (last?.kind !== 'number' || next === undefined) return false;
  return /^(bits?|epochs?|steps?|iter\w*|samples?|examples?|rows?|layers?|heads?|tokens?|times|ways?|runs?|k|x|%|passes)$/.test(
    next.lower,
  );
}

/** A word such as "llama" with the sizes and versions around it; more than one model may fit. */
export function familyName(reader: NameReader, at: number): FoundName | undefined {
  const { tokens, names } = reader;
  const token = tokens[at];
  if (token?.kind !== 'word') return undefined;
  const lead = /^\d/.test(token.lower) ? sizeThenFamily(reader, at) : undefined;
  if (lead !== undefined) return lead;
  for (const kind of ['model', 'dataset'] as const) {
    if (!nameTokens(token.lower).some((part) => names.families(kind).has(part))) continue;
    return extend(reader, at, at + 1, kind);
  }
  return undefined;
}

/** "the 7b llama 2 one": a size before the family. */
function sizeThenFamily(reader: NameReader, at: number): FoundName | undefined {
  const next = reader.tokens[at + 1];
  if (next?.kind !== 'word' || !/^\d+(\.\d+)?[bm]$/.test(reader.tokens[at]?.lower ?? '')) return undefined;
  const follows = nameTokens(next.lower).some((part) => reader.names.families('model').has(part));
  return follows ? extend(reader, at, at + 2, 'model') : undefined;
}

/** Takes sizes, versions and variants along while what they make is still a name. */
function extend({ tokens, names }: NameReader, at: number, from: number, kind: NameKind): FoundName {
  const said = (end: number) => textOf(tokens.slice(at, end));
  let end = from;
  while (end < at + longestName && continuesName(tokens, end) && isFound(names.resolve(kind, said(end + 1)))) end++;
  const resolved = names.resolve(kind, said(end));
  return { kind, said: said(end), settled: resolved.kind === 'known' || resolved.kind === 'literal', length: end - at };
}

function continuesName(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at];
  return token !== undefined && (token.kind === 'number' || isNamePart(token)) && !countsSomething(tokens, at + 1);
}

export function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join(' ');
}

/** A size, a version or a variant, as they stand behind a family's name. */
function isNamePart(token: Token): boolean {
  return (
    token.kind === 'word' &&
    (/^v?\d/.test(token.lower) || variant.test(token.lower) || /^(hf|base|raw|cleaned|it|code)$/.test(token.lower))
  );
}

/** A name with a slip of the keyboard, as a whole or in the family's name alone: "lamma-2-7b". */
export function misspeltName(reader: NameReader, at: number): FoundName | undefined {
  const { kind: tokenKind, text, lower } = reader.tokens[at] as Token;
  if (tokenKind !== 'word' || compact(lower).length < 4 || isOrdinary(lower)) return undefined;
  for (const kind of ['model', 'dataset'] as const) {
    const resolved = reader.names.resolve(kind, text);
    if (isFound(resolved)) return { kind, said: text, settled: resolved.kind === 'known', length: 1 };
    const family = [...reader.names.families(kind)].find((known) => isTypoOf(nameTokens(lower)[0] ?? '', known));
    if (family === undefined) continue;
    const mended = { ...reader, tokens: reader.tokens.with(at, withFamily(reader.tokens[at] as Token, family)) };
    const found = extend(mended, at, at + 1, kind);
    if (isFound(reader.names.resolve(kind, found.said))) return found;
  }
  return undefined;
}

function isFound({ kind }: Resolution): boolean {
  return kind === 'known' || kind === 'ambiguous';
}

function withFamily(token: Token, family: string): Token {
  return { ...token, text: token.text.replace(/[a-z]+/i, family), lower: token.lower.replace(/[a-z]+/, family) };
}
