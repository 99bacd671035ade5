/** Models spoken of by the step that made them: "the quantized model", "a 4-bit version of phi-2". */
import type { SmallWord } from '../vocabulary/small-words.ts';
import { type Clause, newClause, pushNew } from './clause.ts';
import { ahead, around, isModel, isNoun, isValueOf, isWord, namesModelNext, type Parse, peek, says } from './parse.ts';

/** "the quantized model" names what a step makes; "should be quantized" asks for the step. */
export function isReference(parse: Parse, ordered: boolean): boolean {
  const asksForStep = says(parse, -1, 'is') || says(parse, -2, 'is');
  // "once you have finetuned phi-2" tells of the step itself.
  if (asksForStep || (ordered && says(parse, -1, 'filler'))) return false;
  return describesModel(parse) || isTwin(parse) || standsAlone(parse);
}

function describesModel(parse: Parse): boolean {
  const model = ahead(
    parse,
    3,
    (piece) => isWord(piece, 'version') || isModel(piece),
    (piece) => piece.k === 'value' || piece.k === 'name' || (piece.k === 'mark' && piece.text === '-'),
  );
  return model !== undefined;
}

/** "the base and finetuned on squad": one more of what was named. */
function isTwin(parse: Parse): boolean {
  const first = says(parse, -2, 'base') || peek(parse, -2)?.k === 'task';
  return first && says(parse, -1, 'and') && says(parse, 1, 'on');
}

/** "compare both the base and the finetuned". */
function standsAlone(parse: Parse): boolean {
  const next = peek(parse, 1);
  const closes = next === undefined || next.k === 'mark' || isWord(next, 'and');
  // "a model finetuned, then quantized" asks for the step.
  return (
    closes &&
    !says(parse, -1, 'version') &&
    around(parse, -1, -2).some((piece) => isWord(piece, 'the', 'both', 'a', 'each'))
  );
}

/** Lets the step being spoken of take what this task makes. */
export function refer(parse: Parse, task: string): void {
  const { clauses, current, facts, loose, planned } = parse;
  const exists = planned.has(task) || clauses.some((clause) => clause.task === task);
  if (!exists && facts.quantizes(task)) imply(parse, task);
  const user = current ?? loose;
  if (user === loose || (user.task !== task && facts.takesModel(user.task))) pushNew(user.from, `after:${task}`);
}

/** A quantization that is only spoken of through its result. */
function imply(parse: Parse, task: string): Clause {
  const { clauses, current, facts, loose } = parse;
  const clause = newClause(task, 'implied');
  clause.cues.add('implied');
  if (current !== undefined && !facts.makesModel(current.task)) {
    clauses.splice(clauses.indexOf(current), 0, clause);
    if (clauses[0] === clause) clause.models.push(...current.models);
    moveBits(parse, current, clause);
  } else {
    clauses.push(clause);
  }
  moveBits(parse, loose, clause);
  return clause;
}

function moveBits({ facts }: Parse, from: Clause, to: Clause): void {
  const bits = from.settings.get('bits');
  if (bits === undefined || facts.takes(from.task, 'bits')) return;
  to.settings.set('bits', bits);
  from.settings.delete('bits');
}

/** "a 4-bit version of phi-2", with no word that asks to quantize. */
export function readVersion(parse: Parse): void {
  const { clauses, current, facts, planned } = parse;
  const bits = bitsBefore(parse);
  if (bits === undefined || !facts.has('ptq')) return;
  const quantizer = clauses.find(({ task }) => facts.takes(task, 'bits'));
  const isNew = quantizer === undefined && !planned.has('ptq');
  if (isNew) {
    const clause = imply(parse, 'ptq');
    if (!clause.settings.has('bits')) clause.settings.set('bits', bits);
    if (current === undefined || facts.makesModel(current.task)) parse.current = clause;
  }
  if (current !== undefined && current !== quantizer && !facts.makesModel(current.task))
    pushNew(current.from, 'after:ptq');
}

function bitsBefore(parse: Parse) {
  const before = around(parse, -1, -2, -3);
  const gap = before.findIndex((piece) => piece?.k === 'unknown');
  const bits = (gap < 0 ? before : before.slice(0, gap)).find((piece) => isValueOf(piece, 'bits'));
  return bits?.k === 'value' ? [...bits.values] : undefined;
}

/** "the base model", "both", "it": models of the plan that are named by their place in it. */
export function readReference(parse: Parse, word: 'both' | 'each' | 'them' | 'it' | 'three' | 'base' | 'unquantized') {
  const user = parse.current ?? parse.loose;
  if (refersToData(parse, word) || refersToSteps(parse, word)) return;
  parse.cues.add(word);
  user.cues.add(word);
  if (!(word === 'base' || word === 'unquantized') || (word === 'base' && namesModelNext(parse))) return;
  const compared = around(parse, -1, -2).some((piece) => isWord(piece, 'and', 'with', 'to', 'on'));
  if (compared && user.models.length === 0 && user.from.length === 0) user.from.push('newest');
  pushNew(user.from, word);
}

/** "load squad and imdb and evaluate gpt2 on both". */
function refersToData(parse: Parse, word: SmallWord): boolean {
  const { clauses, current, facts } = parse;
  const loaded = clauses.filter(({ task }) => task === 'load_dataset').flatMap(({ datasets }) => datasets);
  const isMeant = says(parse, -1, 'on') && (word === 'both' || word === 'each' || word === 'them' || word === 'three');
  if (!isMeant || loaded.length < 2 || current === undefined || !facts.takesDataset(current.task)) return false;
  current.datasets.push(...loaded);
  return true;
}

/** "use that env for both", "seed 7 for both", "both in an env with torch": the steps that were told. */
export function refersToSteps(parse: Parse, word: SmallWord): boolean {
  if (parse.clauses.length < 2 || (word !== 'both' && word !== 'each' && word !== 'three' && word !== 'them'))
    return false;
  const env = ahead(
    parse,
    7,
    (piece) => isNoun(piece, 'env'),
    (piece) => isWord(piece, 'to', 'on', 'with', 'the', 'a', 'it', 'filler') || isValueOf(piece, 'python_version'),
  );
  if (env !== undefined) return true;
  const [given, beforeGiven] = around(parse, -2, -3);
  const isShared = isNoun(given, 'env', 'config') || isNoun(beforeGiven, 'env', 'config');
  return says(parse, -1, 'for') && (isShared || (given?.k === 'value' && given.field !== 'metrics'));
}

/** "and a QAT of the same model": what the step before started from, beside it. */
export function readSameModel(parse: Parse): void {
  const { clauses, current, facts } = parse;
  const trains = current !== undefined && facts.makesModel(current.task) && !facts.quantizes(current.task);
  if (!trains) return readReference(parse, 'it');
  const earlier = clauses.slice(0, clauses.indexOf(current)).findLast(({ models }) => models.length > 0);
  if (earlier === undefined) pushNew(current.from, 'base');
  else current.models.push(...earlier.models);
  current.cues.add('beside');
}
