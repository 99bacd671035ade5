/**
 * Patterns written as people say them. In a phrase `|` separates words of which one is said, and `…` stands for
 * anything between: `is|has … run|job … done|finished`.
 */
export interface Phrases {
  /** Whether one of the phrases stands in the text. */
  in(text: string): boolean;
  /** Whether the text begins with one. */
  begin(text: string): boolean;
  /** Whether the text is nothing but these phrases, and has one at all. */
  make(text: string): boolean;
  /** What follows the first of them, or undefined where there is none. */
  after(text: string): string | undefined;
}

/** Bounds what `…` stands for, so that no long message takes long. */
const widestGap = 100;

export function phrases(...listed: string[]): Phrases {
  const any = `(?:${listed.map(toPattern).join('|')})`;
  const somewhere = new RegExp(any);
  const begins = new RegExp(`^${any}`);
  const each = listed.map((phrase) => new RegExp(toPattern(phrase), 'y'));
  return {
    in: (text) => somewhere.test(text),
    begin: (text) => begins.test(text),
    make: (text) => isMadeOf(text, each),
    after: (text) => {
      const found = somewhere.exec(text);
      return found === null ? undefined : text.slice(found.index + found[0].length);
    },
  };
}

/** Goes through the text once: one pattern for the whole of it would try every way to divide it. */
function isMadeOf(text: string, each: readonly RegExp[]): boolean {
  const ends = new Set([0]);
  for (let at = 0; at < text.length; at++) {
    if (!ends.has(at)) continue;
    if (/\s/.test(text[at] ?? '')) ends.add(at + 1);
    for (const pattern of each) {
      pattern.lastIndex = at;
      if (pattern.test(text)) ends.add(pattern.lastIndex);
    }
  }
  return text !== '' && ends.has(text.length);
}

/** As phrases are compared: lower case, single spaces, "how's" as "how is". */
export function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[’‘]/g, "'")
    .replace(/\b(how|what|that|it|where|who|there)'s\b|\b(how|what|that|where)s\b/g, '$1$2 is')
    .replace(/\s+/g, ' ')
    .trim();
}

function toPattern(phrase: string): string {
  return phrase
    .split(' … ')
    .map((part) => part.split(' ').map(oneOf).join(' '))
    .join(`.{0,${widestGap}}`);
}

function oneOf(words: string): string {
  const escaped = words.split('|').map((word) => word.replace(/[.*+?^${}()[\]\\]/g, '\\$&'));
  return `(?:${escaped.map(bounded).join('|')})`;
}

function bounded(word: string): string {
  return `${/^\w/.test(word) ? String.raw`\b` : ''}${word}${/\w$/.test(word) ? String.raw`\b` : ''}`;
}
