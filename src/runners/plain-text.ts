import { stripVTControlCharacters } from 'node:util';

/** What a terminal would obey, other than the end of a line and a tab. */
const controls = /(?:(?![\n\t])\p{Cc})+/gu;

/** What a task wrote, as text that can be shown anywhere: of this length at most, without control characters. */
export function plainText(text: string, maxLength: number): string {
  const shown = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return stripVTControlCharacters(shown).replace(controls, '\uFFFD').toWellFormed();
}
