/** What people call models and datasets, against the names that the registry knows. */
import { isUploadId } from '../src/core/content-name.ts';
import type { Registry } from '../src/core/registry.ts';
import { isResourceId } from './plan/existing-resources.ts';
import { compact, editDistance, isTypoOf, nameTokens } from './words.ts';

/** What a written name stands for. Only `known` and `literal` may enter a plan; the others are asked. */
export type Resolution =
  | { kind: 'known'; name: string; guessed: boolean }
  /** Passed on as it is written: `owner/name`, a path, `builtin:x`. */
  | { kind: 'literal'; name: string }
  | { kind: 'ambiguous'; options: string[] }
  | { kind: 'unknown' };

export type NameKind = 'model' | 'dataset';

interface Entry {
  name: string;
  /** Every way to write it, compacted; those that the registry lists come before those read off the name. */
  keys: ReadonlySet<string>;
  listed: ReadonlySet<string>;
  /** The parts of each way to write it. */
  spellings: readonly (readonly string[])[];
}

/** Resolves what people call models and datasets against the registry. */
export interface Names {
  resolve(kind: NameKind, said: string): Resolution;
  /** The one name that is written exactly so, but for case, spaces, `-`, `_` and `.`. */
  exact(kind: NameKind, said: string): string | undefined;
  /** The closest known names, for an offer and never for a choice. */
  near(kind: NameKind, said: string): string[];
  /** The options that fit further words such as "7b" or "the instruct one". */
  narrow(kind: NameKind, said: string, options: readonly string[]): string[];
  /** Every way to write a name, for grounding what a model proposes. */
  spellings(kind: NameKind, name: string): string[];
  /** Words that begin a name, such as llama: nothing else says so clearly that one is meant. */
  families(kind: NameKind): ReadonlySet<string>;
  known(kind: NameKind): readonly string[];
}

/** Parts of names that are ordinary words and therefore begin no name. */
const ordinary = new Set(
  [
    'tiny',
    'code',
    'meta',
    'penn',
    'mini',
    'open',
    'text',
    'ag',
    'news',
    'huggingface',
    'builtin',
    'v',
    'rc',
    'all',
    'main',
  ].concat(['databricks', 'openai', 'microsoft', 'google', 'facebook', 'instruct', 'small', 'base', 'chat']),
);

export function createNames(registry: Registry): Names {
  const entries: Record<NameKind, Entry[]> = {
    model: registry.models.map(({ name, aliases }) => entry(name, aliases, tails(name))),
    dataset: registry.datasets.map(({ path, aliases }) => entry(path, aliases, tails(path))),
  };
  const byKey = { model: indexByKey(entries.model), dataset: indexByKey(entries.dataset) };
  const families = {
    model: familiesOf(registry.models.flatMap(({ name, aliases }) => [...aliases, ...tails(name)])),
    dataset: familiesOf(registry.datasets.flatMap(({ path, aliases }) => [...aliases, ...tails(path)])),
  };
  return {
    resolve: (kind, said) => resolve(kind, said.trim(), entries[kind], byKey[kind]),
    exact: (kind, said) => {
      const found = byKey[kind].get(compact(said));
      return found?.length === 1 ? found[0]?.name : undefined;
    },
    near: (kind, said) => near(compact(said), entries[kind]),
    narrow: (kind, said, options) => narrow(said, entries[kind], options),
    spellings: (kind, name) => {
      const found = entries[kind].find((known) => known.name === name);
      return found === undefined ? [name] : [name, ...found.keys];
    },
    families: (kind) => families[kind],
    known: (kind) => entries[kind].map(({ name }) => name),
  };
}

function entry(name: string, aliases: readonly string[], parts: readonly string[]): Entry {
  const all = [...new Set([name, ...aliases, ...parts])];
  const listed = new Set([name, ...aliases].map(compact));
  return { name, keys: new Set(all.map(compact)), listed, spellings: all.map(nameTokens) };
}

function indexByKey(entries: readonly Entry[]): ReadonlyMap<string, Entry[]> {
  const index = new Map<string, Entry[]>();
  for (const known of entries) {
    for (const key of known.keys) index.set(key, [...(index.get(key) ?? []), known]);
  }
  for (const [key, found] of index) {
    const listed = found.filter((known) => known.listed.has(key));
    if (listed.length > 0) index.set(key, listed);
  }
  return index;
}

/** A hub name without its source and its owner; what a dataset's configuration adds stays. */
function tails(name: string): string[] {
  const bare = name.replace(/^(huggingface|builtin):/, '');
  const tail = bare.slice(bare.indexOf('/') + 1);
  const parts = tail.split(':');
  return [...new Set([bare, tail, parts[0] ?? tail, parts.join(' ')])];
}

function familiesOf(writings: readonly string[]): Set<string> {
  const first = writings.map((writing) => nameTokens(writing).find((part) => /^[a-z]{3,}$/.test(part)));
  return new Set(first.filter((part) => part !== undefined && !ordinary.has(part)) as string[]);
}

function resolve(
  kind: NameKind,
  said: string,
  entries: readonly Entry[],
  byKey: ReadonlyMap<string, Entry[]>,
): Resolution {
  const key = compact(said.replace(/^(?:hf|huggingface):(?:\/\/)?/i, ''));
  const exact = byKey.get(key) ?? [];
  const literal = literalName(kind, said);
  if (exact.length > 0) {
    // A name given with its source is taken at its word: huggingface:gsm8k stays what it is.
    if (literal !== undefined && /^(hf|huggingface|builtin):/i.test(said)) return { kind: 'literal', name: literal };
    return chosen(exact, false);
  }
  if (literal !== undefined) return { kind: 'literal', name: literal };
  const parts = nameTokens(said);
  const byParts = withParts(parts, entries);
  if (byParts.length > 0) return chosen(byParts, true);
  const misspelt = (names: (known: Entry) => ReadonlySet<string>) =>
    entries.filter((known) => [...names(known)].some((meant) => isTypoOf(key, meant)));
  const listed = misspelt((known) => known.listed);
  const typo = listed.length > 0 ? listed : misspelt((known) => known.keys);
  if (typo.length > 0) return chosen(typo, true);
  return { kind: 'unknown' };
}

function chosen(found: readonly Entry[], guessed: boolean): Resolution {
  const [only, second] = found;
  if (only !== undefined && second === undefined) return { kind: 'known', name: only.name, guessed };
  return { kind: 'ambiguous', options: found.map(({ name }) => name) };
}

/** What may pass without being known: a path, `owner/name`, a name with its source. */
function literalName(kind: NameKind, said: string): string | undefined {
  // An option of a command, or letters that cannot be seen.
  if (/^(?:\w+:)?-|[\p{Cc}\p{Cf}]/u.test(said)) return undefined;
  const url = /^https?:\/\/(?:www\.)?huggingface\.co\/(?:datasets\/)?([\w.-]+\/[\w.-]+)/i.exec(said);
  if (url?.[1] !== undefined) return kind === 'dataset' ? `huggingface:${url[1]}` : url[1];
  const source = /^(?:hf|huggingface):(?:\/\/)?(.+)$/i.exec(said);
  if (source?.[1] !== undefined) return kind === 'dataset' ? `huggingface:${source[1]}` : source[1];
  if (/^builtin:[\w.-]+$/i.test(said)) return said;
  if (isPath(said) || isResourceId(said, kind)) return said;
  if (/^[\w.-]+\/[\w.-]+(:[\w.-]+)?$/.test(said)) return kind === 'dataset' ? `huggingface:${said}` : said;
  return undefined;
}

/** A local file or folder, as far as its spelling tells, or what was uploaded, which stands wherever one does. */
export function isPath(text: string): boolean {
  return (
    isUploadId(text) ||
    /^(~|\.{1,2})?[\\/]/.test(text) ||
    /^[A-Za-z]:[\\/]/.test(text) ||
    /\.(jsonl?|csv|tsv|parquet|txt|ya?ml|toml|gguf|safetensors)(\.gz)?$/i.test(text) ||
    text.split('/').length > 2
  );
}

/** Entries that have all these parts; those whose name begins with one come before mere namesakes. */
function withParts(parts: readonly string[], entries: readonly Entry[]): Entry[] {
  if (!parts.some((part) => /^[a-z]{3,}$/.test(part) && !ordinary.has(part))) return [];
  const ranked = entries
    .map((known) => ({ known, leads: rank(parts, known) }))
    .filter(({ leads }) => leads !== undefined);
  const leading = ranked.filter(({ leads }) => leads === true);
  return (leading.length > 0 ? leading : ranked).map(({ known }) => known);
}

function rank(parts: readonly string[], { spellings }: Entry): boolean | undefined {
  const holding = spellings.filter((spelling) => parts.every((part) => spelling.includes(part)));
  if (holding.length === 0) return undefined;
  return holding.some((spelling) => parts.includes(spelling[0] ?? ''));
}

function narrow(said: string, entries: readonly Entry[], options: readonly string[]): string[] {
  const parts = nameTokens(said).filter((part) => !/^(the|one|a|version|model|please|variant|of|with)$/.test(part));
  if (parts.length === 0) return [];
  const fits = (strict: boolean) =>
    entries
      .filter(({ name }) => options.includes(name))
      .filter(({ spellings, keys }) =>
        strict ? keys.has(compact(said)) : spellings.some((spelling) => parts.every((part) => spelling.includes(part))),
      )
      .map(({ name }) => name);
  const exact = fits(true);
  return exact.length > 0 ? exact : fits(false);
}

function near(key: string, entries: readonly Entry[]): string[] {
  return entries
    .map(({ name, keys }) => ({ name, away: Math.min(...[...keys].map((known) => editDistance(key, known))) }))
    .filter(({ away }) => away <= Math.max(2, Math.floor(key.length / 3)))
    .sort((a, b) => a.away - b.away)
    .slice(0, 4)
    .map(({ name }) => name);
}
