/** A message taken apart: names, paths and numbers stay whole. */
import { isPath } from '../../aliases.ts';

export type TokenKind = 'word' | 'number' | 'path' | 'hub' | 'source' | 'id' | 'requirement' | 'code' | 'punctuation';

export interface Token {
  kind: TokenKind;
  text: string;
  /** In lower case. */
  lower: string;
  /** Of a number. */
  value?: number;
  /** Written as 2e-4 or 0.0001: most likely a learning rate. */
  small?: boolean;
}

const units =
  'bits?|epochs?|steps?|iters?|iterations?|samples?|examples?|rows?|layers?|heads?|tokens?|k|thousand|m|mil|million|x|%';

/** In this order at each place; the first that fits is the token. */
const patterns: readonly [TokenKind, RegExp][] = [
  ['code', /(`{1,3})([^`]+)\1/y],
  ['path', /"(?:~|\.{1,2})?\/[^"\n]+"/y],
  ['source', /(?:hf|huggingface|builtin):(?:\/\/)?[\w./-]+(?::[\w.-]+)?/iy],
  ['source', /https?:\/\/\S+/iy],
  // What was uploaded is named where a file would be.
  ['path', /up_[0-9a-f]{16}(?!\w)/iy],
  [
    'id',
    /(?:pipeline|task|run|model|ds|cfg|lora|env|report|attempt|pl)_(?=[a-z0-9]*\d)[a-z0-9]+(?:[-_][a-z0-9]+)*\b|pipeline_[a-z0-9]+\b/iy,
  ],
  [
    'requirement',
    /[a-z][\w.-]*(?:\[[\w,]+\])?\s?(?:===?|>=|<=|~=|!=|>|<)\s?\d[\w.*+!-]*(?:\s?,\s?(?:===?|>=|<=|~=|!=|>|<)\s?\d[\w.*]*)*/iy,
  ],
  ['path', /(?:~|\.{1,2})?\/[\w.~+@=/-]*[\w/]/y],
  ['path', /[A-Za-z]:\\[\w.\\-]+/y],
  ['hub', /[\w][\w.-]*(?:\/[\w.-]*[\w])+/y],
  ['path', /[\w][\w.-]*\.(?:jsonl?|csv|tsv|parquet|txt|ya?ml|toml|gguf|safetensors)(?:\.gz)?\b/iy],
  ['number', /\d+(?:\.\d+)?\s?(?:[x*×·]\s?)10\s?(?:\^|\*\*)\s?[-−]?\d+|10\s?(?:\^|\*\*)\s?[-−]?\d+/iy],
  ['number', /\d{1,3}(?:,\d{3})+(?:\.\d+)?(?=\W|k\b|$)/iy],
  [
    'number',
    new RegExp(
      `(?:(?<=\\s)-)?(?:\\d+\\.\\d+|\\d+|\\.\\d+)(?:e[-−+]?\\d+)?(?=-?(?:${units})(?![a-z0-9])|[^\\w.-]|\\.(?!\\w)|-(?!\\w)|-\\d+[^\\w.]|$)`,
      'iy',
    ),
  ],
  ['word', /[\p{L}\d](?:[\p{L}\d_'+]|[.-](?=[\p{L}\d]))*/uy],
  ['punctuation', /[^\s\w]|_/y],
];

/** Splits a message; names, paths and numbers stay whole. */
export function readTokens(message: string): Token[] {
  const text = straighten(message);
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at] ?? '')) {
      at++;
      continue;
    }
    const [kind, raw] = matchAt(text, at);
    at += raw.length;
    tokens.push(...toTokens(kind, raw));
  }
  return tokens;
}

function straighten(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[’‘]/g, "'")
    .replace(/[“”]/g, '"')
    .replace(/[–—‑]/g, '-')
    .replace(/\((\d+(?:\.\d+)?[bm])\)/gi, ' $1 ')
    .replace(/(?<=[a-z\d])[+&](?=[a-z])(?!https?:|ssh:|file:)/gi, ' + ')
    .replace(/\b(before|pre) ?\/ ?(after|post)\b/gi, '$1 and $2')
    .replace(/[→⇒➜➔|]|[=-]>|>>/g, ' then ')
    .replace(/(?<=^|\s)w\/o\b/gi, 'without')
    .replace(/(?<=^|\s)w\/(?=\s|[a-z]{3})/gi, 'with ')
    .replace(/^[\s\S]*$/, withoutListNumbers);
}

/** "1) load squad 2) finetune", "Step 1: load squad": the numbers of a list are no numbers of the message. */
function withoutListNumbers(written: string): string {
  const text = written.replace(/(^|[\s.;,])(?:step|stage|task)\s*#?\d{1,2}\s*[:.)-]\s/gi, '$1; ');
  return /(^|\s)\(?1[).]\s/.test(text) ? text.replace(/(^|\s)\(?\d{1,2}[).](?=\s)/g, '$1;') : text;
}

function matchAt(text: string, at: number): [TokenKind, string] {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null && fits(kind, found[0])) return [kind, found[0]];
  }
  return ['punctuation', text[at] ?? ' '];
}

/** `and/or`, `f1/em` and `8/4` are words with a slash between, not a model of an owner. */
function fits(kind: TokenKind, raw: string): boolean {
  if (kind === 'path') return raw.length > 1 && !/^\/\d+$/.test(raw);
  if (kind !== 'hub') return true;
  const [owner = '', name = ''] = raw.split('/');
  if (/^\d+$/.test(owner)) return false;
  return !/^(and|his|he|either|24)$/i.test(owner) || (isPath(raw) && name.includes('.'));
}

/** "imdb's test split"; but "it's" and its like are words of their own. */
const possessive = /^(?!(?:it|that|what|let|how|there|here|who|where|when|he|she|this)'s$).+'s$/i;

/** "rank-8", "r16", "bs8": an input with its value, and no name. */
const gluedValue = /^(rank|alpha|seed|batch|dropout|r|bs|bsz|lr|epochs?|steps?)-?(\d+(?:\.\d+)?)$/i;

function toTokens(kind: TokenKind, raw: string): Token[] {
  if (kind === 'code') return codeTokens(raw);
  if (kind === 'number') return [numberToken(raw)];
  if (raw.startsWith('"') && raw.length > 1) return toTokens(kind, raw.slice(1, -1));
  const text = kind === 'path' || kind === 'hub' || kind === 'source' ? raw.replace(/[.,;:!?]+$/, '') : raw;
  if (kind === 'word' && possessive.test(text)) return toTokens(kind, text.slice(0, -2));
  const glued = kind === 'word' ? gluedValue.exec(text) : null;
  if (glued !== null) return readTokens(`${glued[1]} ${glued[2]}`);
  const rest = raw.slice(text.length);
  const token: Token = { kind: kind === 'hub' && isPath(text) ? 'path' : kind, text, lower: text.toLowerCase() };
  return rest === '' ? [token] : [token, { kind: 'punctuation', text: rest, lower: rest }];
}

/** Code in a message is a name where it is one word, and otherwise nothing that is read. */
function codeTokens(raw: string): Token[] {
  const inner = raw.replace(/^`+|`+$/g, '').trim();
  return /\s/.test(inner) || inner === ''
    ? [{ kind: 'code', text: inner, lower: inner.toLowerCase() }]
    : readTokens(inner);
}

function numberToken(raw: string): Token {
  const text = raw.replaceAll('−', '-').replaceAll(',', '').replace(/\s/g, '').toLowerCase();
  const power = /^(?:(.+?)[x*×·])?10(?:\^|\*\*)(-?\d+)$/.exec(text);
  const value = power ? Number(`${power[1] ?? 1}e${power[2]}`) : Number(text);
  return {
    kind: 'number',
    text: raw,
    lower: text,
    value,
    small: power !== null || /e-/.test(text) || (value > 0 && value < 0.01),
  };
}
