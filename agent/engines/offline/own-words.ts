/** What a message holds beside its author's own words: logs, code, markup, quotations. It is data and no wish. */

/** From one of these lines on, a message shows what a program printed. */
const printed =
  /^.*\b(?:logs?|output|stderr|stdout|traceback|console|error message)\b[^.?!\n]{0,40}:?[ \t]*\n[\s\S]*|^Traceback \([\s\S]*/im;
const printedAfterColon = /\b(?:the|this|that|my) (?:logs?|output|error|traceback)\b[^.?!\n]{0,20}:[\s\S]*/i;
const logLine =
  /^[ \t]*(?:\[?(?:ERROR|WARN(?:ING)?|INFO|DEBUG|CRITICAL|FATAL)\b|\w*(?:Error|Exception):|\d{4}-\d\d-\d\d[T ]\d\d:).*$/gm;

const fence = /```[\s\S]*?(?:```|$)/g;
/** What people do put in a fence for us: a name, a path, a package with its version, one on a line. */
const listedLine = /^[\w.[\],<>=!~/:* -]*$/;
const longestLine = 3;
const pairedTags = /<(\w+)\b[^<>\n]*>[\s\S]*?<\/\1>/g;
const tags = /<\/?[A-Za-z_|!][^<>\n]*>|<<\/?\w+>>|\[\/?[A-Z]{3,}\]/g;
const link = /!?\[([^\]\n]*)\]\([^)\n]*\)+/g;
/** Talk of the machine, which no task has an input for. */
const machine = [
  /\benv(?:ironment)? var(?:iable)?s?\b[^.;\n]*/gi,
  /\benv\s+[A-Z_]{2,}=\S+/g,
  /\b(?:mount|chmod|chown|sudo)\b(?:(?! and )[^.;,\n])*/gi,
  /(?:^|\s)(?:--(?:extra-)?index-url|--find-links|--trusted-host|--editable|--requirement|-[eirf])\s+\S+/g,
  // A package from an address is not the one of that name.
  /[\w.-]{1,100}\s*@\s*\w{1,9}:\/\/\S+/g,
];
/** Written like a name, and none: shell, addresses elsewhere than on the hub, letters that hide, options. */
const foreign = [
  /\$\(/,
  /^(?!https?:\/\/(?:www\.)?huggingface\.co\/|(?:hf|huggingface):\/\/)[a-z][\w+.-]{0,20}:\/\//i,
  /.[\u202a-\u202e\u2066-\u2069]./,
  /^-+[\w-]*\//,
];
const quotation = /["“”«»]([^"“”«»\n]*)["“”«»]/g;
const longestName = 4;

/** The message with everything else taken out; a gap stays, so that nothing grows together. */
export function ownWords(message: string): string {
  const told = machine.reduce((text, talk) => text.replace(talk, ' . '), withoutObjects(message));
  return told
    .replace(/\S+/g, (word) => (foreign.some((sign) => sign.test(word)) ? '.' : word))
    .replace(fence, fromFence)
    .replace(printed, ' . ')
    .replace(printedAfterColon, ' . ')
    .replace(logLine, ' . ')
    .replace(pairedTags, ' . ')
    .replace(link, '$1')
    .replace(tags, ' . ')
    .replace(quotation, (quoted, inner: string) => (inner.trim().split(/\s+/).length > longestName ? ' . ' : quoted));
}

function fromFence(block: string): string {
  const lines = block
    .replace(/^```\w*/, '')
    .replace(/```$/, '')
    .split('\n');
  const isList = lines.every((line) => listedLine.test(line) && line.trim().split(/\s+/).length <= longestLine);
  return isList ? lines.join('\n') : ' . ';
}

/** Without what braces enclose, where it is quoted as JSON is. */
function withoutObjects(text: string): string {
  const open: number[] = [];
  let objects: [number, number][] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{') open.push(at);
    const start = character === '}' ? open.pop() : undefined;
    if (start === undefined) continue;
    objects = objects.filter(([from]) => from < start);
    objects.push([start, at + 1]);
  }
  return objects.reduceRight((left, [from, to]) => {
    const isJson = left.slice(from, to).includes('"');
    return isJson ? `${left.slice(0, from)} . ${left.slice(to)}` : left;
  }, text);
}
