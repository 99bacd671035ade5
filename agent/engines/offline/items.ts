/** Words with their meaning: what stands in a message, and no longer how it is written. */
import type { NameKind, Names } from '../../aliases.ts';
import { readTokens, type Token } from './lexer.ts';
import type { Lexicon, Sense } from './lexicon.ts';
import { exactName, type FoundName, familyName, misspeltName, qualified, textOf } from './names-in-text.ts';

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

/** A meaning, and how many tokens it takes. */
interface Read {
  item: Item;
  length: number;
}

/** Gives each piece of a message its meaning: names before words, the longest first, misspellings last. */
export function readItems(written: readonly Token[], names: Names, lexicon: Lexicon): Item[] {
  const tokens = written.flatMap((token) => alternatives(token, names, lexicon));
  const reader = { tokens, names, lexicon };
  const items: Item[] = [];
  for (let at = 0; at < tokens.length; ) {
    const { item, length } = readAt(reader, at);
    // "a llama": one that is described, rather than the one.
    const previous = items.at(-1);
    const article = previous?.k === 'word' && previous.w === 'a';
    items.push(item.k === 'name' ? { ...item, article } : item);
    at += length;
  }
  return items;
}

/** "f1/em", "quantize/evaluate", "imdb/yelp": words with a slash between, and no name with its owner. */
function alternatives(token: Token, names: Names, lexicon: Lexicon): Token[] {
  if (isName(token.text, names)) return [token];
  if (token.kind === 'word') return compound(token, names, lexicon);
  if (token.kind !== 'hub' && !(token.kind === 'path' && /^\w/.test(token.text))) return [token];
  const words = token.text.split('/');
  const isKnown = (word: string) => lexicon.find([word.toLowerCase()]) !== undefined || isName(word, names);
  if (!words.every((word) => /^\d[\d.]*(e-?\d+)?$/i.test(word) || isKnown(word))) return [token];
  return readTokens(words.join(' / '));
}

/** "dolly-finetuned", "int8-quantized": a name or a value, and the step that it belongs to. */
function compound(token: Token, names: Names, lexicon: Lexicon): Token[] {
  const [last = '', ...rest] = token.lower.split('-').reverse();
  const first = rest.reverse().join('-');
  const isStep = lexicon.find([last])?.sense.k === 'task' && lexicon.find([token.lower]) === undefined;
  const isOwner = isName(first, names) || lexicon.find([first])?.sense.k === 'setting';
  return isStep && first !== '' && isOwner ? readTokens(`${first} ${last}`) : [token];
}

function isName(text: string, names: Names): boolean {
  return names.exact('model', text) !== undefined || names.exact('dataset', text) !== undefined;
}

function readAt(reader: Reader, at: number): Read {
  const token = reader.tokens[at] as Token;
  const mark = readWritten(reader.names, token);
  if (mark !== undefined) return { item: mark, length: 1 };
  return readKnown(reader, at) ?? readHyphenated(reader, token) ?? readMisspelt(reader, at);
}

/** What its writing alone gives away: numbers, paths, ids, punctuation. */
function readWritten(names: Names, { kind, text, lower, value = 0, small = false }: Token): Item | undefined {
  switch (kind) {
    case 'number':
      return { k: 'amount', value, small, said: text };
    case 'path':
    case 'id':
      return { k: kind, text };
    case 'source':
    case 'hub':
      return readSource(names, text);
    case 'requirement':
      return { k: kind, text: text.replace(/\s/g, '') };
    case 'code':
      return { k: 'unknown', text, quoted: true };
    case 'punctuation':
      return readPunctuation(text);
    case 'word': {
      const python = /^py(?:thon)?-?(3\.\d+)$/.exec(lower)?.[1];
      return python === undefined ? undefined : { k: 'setting', field: 'python_version', value: python, text };
    }
  }
}

function readPunctuation(text: string): Item {
  if (text === '&' || text === '+') return { k: 'word', w: 'and', text };
  if (text === '=' || text === ':') return { k: 'word', w: 'is', text };
  return { k: 'mark', text };
}

/** A name with its source or owner: a known one where the registry has it. */
function readSource(names: Names, text: string): Item {
  for (const kind of ['dataset', 'model'] as const) {
    const resolved = names.resolve(kind, text);
    if (resolved.kind === 'known' && !resolved.guessed) return nameItem({ kind, said: text, settled: true });
    const said = text.toLowerCase();
    if (said.startsWith('builtin:') && names.known(kind).includes(said)) return nameItem({ kind, said, settled: true });
  }
  return { k: 'hub', text };
}

function nameItem({ kind, said, settled }: Omit<FoundName, 'length'>): ItemOf<'name'> {
  return { k: 'name', kind, said, settled, article: false };
}

/** The longest name or phrase; "test set" is longer than "test", and "llama 2 7b" longer than "llama". */
function readKnown(reader: Reader, at: number): Read | undefined {
  const phrase = reader.lexicon.find(wordsFrom(reader.tokens, at));
  const name = exactName(reader, at);
  if (name !== undefined && name.length >= (phrase?.length ?? 0)) return readName(reader, at, name);
  // A family's name goes before a small word, and before no other.
  const mayBeFamily = phrase === undefined || (phrase.length === 1 && phrase.sense.k === 'word');
  const family = mayBeFamily ? familyName(reader, at) : undefined;
  if (family !== undefined) return readName(reader, at, family);
  const text = textOf(reader.tokens.slice(at, at + (phrase?.length ?? 1)));
  return phrase && { item: { ...phrase.sense, text }, length: phrase.length };
}

function readName(reader: Reader, at: number, found: FoundName): Read {
  const name = qualified(reader, at, found);
  return { item: nameItem(name), length: name.length };
}

function wordsFrom(tokens: readonly Token[], at: number): string[] {
  const near = tokens.slice(at, at + 5);
  const end = near.findIndex(({ kind, text }, index) => kind !== 'word' && !(index > 0 && text === '-'));
  return near.slice(0, end < 0 ? near.length : end).map(({ lower }) => lower);
}

/** "squad-eval" or "LoRA-finetune": known words joined by a hyphen. */
function readHyphenated({ lexicon }: Reader, { text, lower }: Token): Read | undefined {
  const parts = lower.split('-');
  if (parts.length === 1 || /\d/.test(lower)) return undefined;
  const senses = parts.flatMap((part) => lexicon.find([part])?.sense ?? []);
  const telling = senses.find(({ k }) => k === 'task') ?? senses.at(-1);
  if (telling === undefined || senses.length < parts.length) return undefined;
  return { item: { ...telling, text }, length: 1 };
}

/** A slip of the keyboard; a space may have slipped in, too: "fine tunne". */
function readMisspelt(reader: Reader, at: number): Read {
  const { text, lower } = reader.tokens[at] as Token;
  const next = reader.tokens[at + 1];
  const joined = next?.kind === 'word' ? reader.lexicon.guess(lower + next.lower) : undefined;
  if (joined?.k === 'task') return { item: { ...joined, text }, length: 2 };
  const besideNumber = [at - 1, at + 1].some((place) => reader.tokens[place]?.kind === 'number');
  const sense = (besideNumber ? reader.lexicon.guessInput(lower) : undefined) ?? reader.lexicon.guess(lower);
  const name = sense?.k === 'task' ? undefined : misspeltName(reader, at);
  if (name !== undefined) return { item: nameItem(name), length: name.length };
  return { item: sense === undefined ? { k: 'unknown', text, quoted: false } : { ...sense, text }, length: 1 };
}
