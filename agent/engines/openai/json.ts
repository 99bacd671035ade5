/** JSON in what a model wrote: past reasoning, prose and code fences. */

/** The model wrote its thoughts from the first word on: the server's template had opened them already. */
export function thinksUnasked(answer: string): boolean {
  const end = answer.search(/<\/think(?:ing)?>/i);
  return end >= 0 && !/<think(?:ing)?>/i.test(answer.slice(0, end));
}

/** A proposal is far shorter, and has less prose before it: the rest of a long answer is not read. */
const longestText = 200_000;
const mostBrackets = 100;

/** Complete JSON values that begin with a bracket, in order. Throws where one has no end. */
export function findJson(answer: string): unknown[] {
  const text = withoutThoughts(answer).slice(0, longestText);
  const found: unknown[] = [];
  let start = nextBracket(text, 0);
  for (let tried = 0; start >= 0 && tried < mostBrackets; tried++) {
    const end = closingBracket(text, start);
    if (end < 0) throw new SyntaxError('it breaks off before the JSON ends');
    const value = parse(text.slice(start, end + 1));
    if (value !== undefined) found.push(value);
    start = nextBracket(text, end + 1);
  }
  return found;
}

function withoutThoughts(answer: string): string {
  const after = answer.split(/<\/think(?:ing)?>/i).at(-1) ?? '';
  return after.replace(/<think(?:ing)?>[\s\S]*$/i, '');
}

function nextBracket(text: string, from: number): number {
  const bracket = /[{[]/g;
  bracket.lastIndex = from;
  return bracket.exec(text)?.index ?? -1;
}

/** Where the bracket at `start` is closed; brackets within strings do not count. */
function closingBracket(text: string, start: number): number {
  const marks = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"|[{}[\]"]/g;
  marks.lastIndex = start;
  let depth = 0;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    if (mark[0] === '"') return -1;
    if (mark[0].startsWith('"')) continue;
    depth += mark[0] === '{' || mark[0] === '[' ? 1 : -1;
    if (depth === 0) return mark.index;
  }
  return -1;
}

/** Prose has brackets, too: what does not parse is none of ours. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
