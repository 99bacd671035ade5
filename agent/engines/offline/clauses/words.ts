/** Small words that act: those that order, negate and refer, and verbs that ask for a step without naming it. */
import type { SmallWord } from '../vocabulary/small-words.ts';
import { dropLast, readNegation, reject } from './negation.ts';
import { readFirst, readLast, readOrder, readThen } from './order-words.ts';
import { isWord, note, type Parse, peek, spelling } from './parse.ts';
import { readReference, readSameModel, readVersion } from './results.ts';
import { evaluate } from './steps.ts';
import { beginsVariant, readVariant } from './variants.ts';
import { readCheck, readHow, readLoad, readLoaded, readMake, readScratch, readTest } from './verbs.ts';

export function readWord(parse: Parse, word: SmallWord): void {
  if (beginsVariant(parse)) return readVariant(parse);
  if (spelling(parse) === 'first') return readFirst(parse);
  // "rather squad than imdb"
  if (spelling(parse) === 'than' && parse.cues.has('instead') && peek(parse, 1)?.k === 'name') return reject(parse);
  switch (word) {
    case 'not':
      return readNegation(parse);
    case 'instead_of':
    case 'swap':
      return reject(parse);
    case 'not_needed':
      return dropLast(parse);
    case 'after':
    case 'before':
    case 'around':
      return readOrder(parse, word);
    case 'earlier':
      parse.lead = { order: 'earlier', at: parse.at };
      return;
    case 'then':
      return readThen(parse);
    case 'last':
      return readLast(parse);
    case 'loaded':
      return readLoaded(parse);
    case 'same_model':
      return readSameModel(parse);
    case 'both':
    case 'each':
    case 'them':
    case 'it':
    case 'three':
    case 'base':
    case 'unquantized':
      return readReference(parse, word);
    case 'version':
      return readVersion(parse);
    case 'load':
      return readLoad(parse);
    case 'make':
      return readMake(parse);
    case 'test':
      return readTest(parse);
    case 'check':
      return readCheck(parse);
    case 'how':
      return readHow(parse);
    case 'scratch':
      return readScratch(parse);
    case 'how_good':
      return evaluate(parse);
    case 'also':
      return isDegree(parse) ? undefined : note(parse, word);
    default:
      note(parse, word);
  }
}

/** "too high", "too big for my card": how much, and not what else. */
function isDegree(parse: Parse): boolean {
  const next = peek(parse, 1);
  if (spelling(parse) !== 'too' || next === undefined) return false;
  const text = 'text' in next ? (next.text ?? '') : '';
  return next.k === 'unknown' || (isWord(next, 'filler') && !/^(please|pls|plz|thanks)$/i.test(text));
}
