import type { NameKind, Names } from '../../aliases.ts';
import { compact, isTypoOf, nameTokens } from '../../words.ts';
import type { Token } from './lexer.ts';
import { isOrdinary, type Lexicon, type Sense } from './lexicon.ts';

/** A piece of a message with its meaning; what follows reads these and no longer the words. */
export type Item =
  | (Sense & { text: string })
  | { k: 'name'; kind: NameKind; said: string; settled: boolean; article: boolean }
  | { k: 'path'; text: string }
  | { k: 'hub'; text: string }
  | { k: 'id'; text: string }
  | { k: 'requirement'; text: string }
  | { k: 'amount'; value: number; small: boolean; said: string }
  | { k: 'mark'; text: string }
  | { k: 'unknown'; text: string; quoted: boolean };

export type ItemOf<K extends Item['k']> = Extract<Item, { k: K }>;

interface Reader {
  tokens: readonly Token[];
  names: Names;
  lexicon: Lexicon;
}

interface Read {
  item: Item;
  length: number;
}

/** Gives each piece of a message its meaning: names before words, the longest first, misspellings last. */
export function readItems(tokens: readonly Token[], names: Names, lexicon: Lexicon): Item[] {
  const reader = { tokens, names, lexicon };
  const items: Item[] = [];
  let at = 0;
  while (at < tokens.length) {
    const { item, length } = readAt(reader, at, items.at(-1));
    items.push(item);
    at += length;
  }
  return items;
}

function readAt(reader: Reader, at: number, previous: Item | undefined): Read {
  const token = reader.tokens[at] as Token;
  const special = readSpecial(reader, token);
  if (special !== undefined) return special;
  const python = /^py(?:thon)?-?(3\.\d+)$/.exec(token.lower);
  if (python?.[1] !== undefined)
    return { item: { k: 'setting', field: 'python_version', value: python[1], text: token.text }, length: 1 };
  const words = wordsFrom(reader.tokens, at);
  const phrase = reader.lexicon.find(words);
  const name = exactName(reader, at);
  // "test set" is longer than a name that begins with "test", and "llama 2 7b" longer than "llama".
  if (name !== undefined && name.length >= (phrase?.length ?? 0)) return named(name, previous);
  if (phrase !== undefined) {
    const family = phrase.length === 1 ? familyName(reader, at) : undefined;
    if (family === undefined || phrase.sense.k !== 'word')
      return { item: { ...phrase.sense, text: token.text }, length: phrase.length };
  }
  const family = familyName(reader, at);
  if (family !== undefined) return named(family, previous);
  const parts = hyphenated(reader, token);
  if (parts !== undefined) return parts;
  return readMisspelt(reader, at, token, previous);
}

function named(found: Found, previous: Item | undefined): Read {
  const { kind, said, settled, length } = found;
  const article = previous?.k === 'word' && previous.w === 'a';
  return { item: { k: 'name', kind, said, settled, article }, length };
}

function readSpecial({ names }: Reader, token: Token): Read | undefined {
  const one = (item: Item): Read => ({ item, length: 1 });
  if (token.kind === 'number') {
    return one({ k: 'amount', value: token.value ?? 0, small: token.small === true, said: token.text });
  }
  if (token.kind === 'path') return one({ k: 'path', text: token.text });
  if (token.kind === 'source' || token.kind === 'hub') return one(sourced(names, token.text));
  if (token.kind === 'id') return one({ k: 'id', text: token.text });
  if (token.kind === 'requirement') return one({ k: 'requirement', text: token.text.replace(/\s/g, '') });
  if (token.kind === 'code') return one({ k: 'unknown', text: token.text, quoted: true });
  if (token.kind === 'punctuation') return one(punctuation(token.text));
  return undefined;
}

function punctuation(text: string): Item {
  if (text === '&' || text === '+') return { k: 'word', w: 'and', text };
  if (text === '=' || text === ':') return { k: 'word', w: 'is', text };
  return { k: 'mark', text };
}

function sourced(names: Names, text: string): Item {
  for (const kind of ['dataset', 'model'] as const) {
    const resolved = names.resolve(kind, text);
    if (resolved.kind === 'known' && !resolved.guessed)
      return { k: 'name', kind, said: text, settled: true, article: false };
    if (/^builtin:/i.test(text) && names.known(kind).includes(text.toLowerCase())) {
      return { k: 'name', kind, said: text.toLowerCase(), settled: true, article: false };
    }
  }
  return { k: 'hub', text };
}

function wordsFrom(tokens: readonly Token[], at: number): string[] {
  const words: string[] = [];
  for (let i = at; i < tokens.length && words.length < 5; i++) {
    const token = tokens[i];
    if (token === undefined || (token.kind !== 'word' && !(i > at && token.text === '-'))) break;
    words.push(token.lower);
  }
  return words;
}

interface Found {
  kind: NameKind;
  said: string;
  settled: boolean;
  length: number;
}

/** A run of up to five words that is exactly a known name. */
function exactName({ tokens, names }: Reader, at: number): Found | undefined {
  for (let length = Math.min(5, tokens.length - at); length > 0; length--) {
    const run = tokens.slice(at, at + length);
    if (run.some(({ kind }) => kind !== 'word' && kind !== 'number') || countsSomething(tokens, at + length)) continue;
    const said = run.map(({ text }) => text).join(' ');
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
function familyName(reader: Reader, at: number): Found | undefined {
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
function sizeThenFamily(reader: Reader, at: number): Found | undefined {
  const next = reader.tokens[at + 1];
  if (next?.kind !== 'word' || !/^\d+(\.\d+)?[bm]$/.test(reader.tokens[at]?.lower ?? '')) return undefined;
  const follows = nameTokens(next.lower).some((part) => reader.names.families('model').has(part));
  return follows ? extend(reader, at, at + 2, 'model') : undefined;
}

function extend({ tokens, names }: Reader, at: number, from: number, kind: NameKind): Found {
  let end = from;
  const said = (to: number) =>
    tokens
      .slice(at, to)
      .map(({ text }) => text)
      .join(' ');
  for (let next = from; next < Math.min(tokens.length, at + 6); next++) {
    const token = tokens[next];
    if (token === undefined || !(token.kind === 'number' || isNamePart(token))) break;
    if (countsSomething(tokens, next + 1)) break;
    const resolved = names.resolve(kind, said(next + 1));
    if (resolved.kind === 'known' || resolved.kind === 'ambiguous') end = next + 1;
    else break;
  }
  const resolved = names.resolve(kind, said(end));
  return { kind, said: said(end), settled: resolved.kind === 'known' || resolved.kind === 'literal', length: end - at };
}

/** A size, a version or a variant, as they stand behind a family's name. */
function isNamePart(token: Token): boolean {
  return (
    token.kind === 'word' &&
    (/^v?\d/.test(token.lower) ||
      /^(instruct|chat|hf|base|mini|small|medium|large|xl|raw|cleaned|coder|it|code)$/.test(token.lower))
  );
}

/** "squad-eval" or "LoRA-finetune": known words joined by a hyphen. */
function hyphenated({ lexicon }: Reader, token: Token): Read | undefined {
  const last = token.lower.split('-').at(-1) ?? '';
  if (last === token.lower || /\d/.test(token.lower)) return undefined;
  const senses = token.lower.split('-').map((part) => lexicon.find([part])?.sense);
  if (senses.some((sense) => sense === undefined)) return undefined;
  const telling = senses.find((sense) => sense?.k === 'task') ?? senses.at(-1);
  return telling && { item: { ...telling, text: token.text }, length: 1 };
}

function readMisspelt(reader: Reader, at: number, token: Token, previous: Item | undefined): Read {
  const name = misspeltName(reader, at, token);
  const next = reader.tokens[at + 1];
  const joined = next?.kind === 'word' ? reader.lexicon.guess(token.lower + next.lower) : undefined;
  if (joined?.k === 'task') return { item: { ...joined, text: token.text }, length: 2 };
  const sense = reader.lexicon.guess(token.lower);
  if (name !== undefined && sense?.k !== 'task') return named(name, previous);
  if (sense !== undefined) return { item: { ...sense, text: token.text }, length: 1 };
  return { item: { k: 'unknown', text: token.text, quoted: false }, length: 1 };
}

function misspeltName(reader: Reader, at: number, token: Token): Found | undefined {
  if (token.kind !== 'word' || compact(token.lower).length < 4 || isOrdinary(token.lower)) return undefined;
  for (const kind of ['model', 'dataset'] as const) {
    const resolved = reader.names.resolve(kind, token.text);
    if (resolved.kind === 'known' || resolved.kind === 'ambiguous') {
      return { kind, said: token.text, settled: resolved.kind === 'known', length: 1 };
    }
    const family = [...reader.names.families(kind)].find((known) => isTypoOf(nameTokens(token.lower)[0] ?? '', known));
    if (family === undefined) continue;
    const mended = reader.tokens.map((other, index) =>
      index === at
        ? { ...other, text: other.text.replace(/[a-z]+/i, family), lower: other.lower.replace(/[a-z]+/, family) }
        : other,
    );
    const found = extend({ ...reader, tokens: mended }, at, at + 1, kind);
    const still = reader.names.resolve(kind, found.said);
    if (still.kind === 'known' || still.kind === 'ambiguous') return found;
  }
  return undefined;
}
