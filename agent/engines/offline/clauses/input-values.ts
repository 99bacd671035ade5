/** Values, and the steps and datasets that they belong to. */
import type { ItemOf } from '../items.ts';
import type { ValuePiece } from '../values.ts';
import { accepts, attach, limitsNext, merge } from './attach.ts';
import type { Clause, Values } from './clause.ts';
import { around, corrects, isModel, isWord, type Parse, peek, says } from './parse.ts';
import { begin } from './steps.ts';

export function readValue(parse: Parse, { field, values }: Pick<ValuePiece, 'field' | 'values'>): void {
  const implied = impliedBy(parse, field);
  if (implied !== undefined && parse.facts.has(implied)) begin(parse, implied, 'implied').cues.add('implied');
  const clause = takerOf(parse, field);
  if (clause === undefined) merge(parse, looseValues(parse, field), field, values);
  else attach(parse, clause, field, values);
}

/** The step that a value asks for where no word does. */
function impliedBy(parse: Parse, field: string): string | undefined {
  if (field === 'metrics') return isWanted(parse) ? 'evaluate' : undefined;
  if (field !== 'bits' || parse.clauses.some(({ task }) => parse.facts.takes(task, 'bits'))) return undefined;
  return standsAsStep(parse) || describesModel(parse) ? 'ptq' : undefined;
}

/** "I need the f1 of gpt2 on squad": a measure that stands where a step would. */
function isWanted(parse: Parse): boolean {
  return says(parse, -1, 'the') && says(parse, 1, 'of', 'on', 'for') && parse.clauses.length === 0;
}

/** "then int4, then eval": bits that stand where a step would. */
function standsAsStep(parse: Parse): boolean {
  const { clauses, facts, loose, planned } = parse;
  const [before, beforeThat] = around(parse, -1, -2);
  const follows = isWord(before, 'then') || (isWord(beforeThat, 'then') && isWord(before, 'filler', 'to', 'a', 'and'));
  const hasModel = clauses.some(({ task }) => facts.takesModel(task) || task === 'train') || loose.models.length > 0;
  return follows && (hasModel || planned.size > 0);
}

/** "a 4-bit phi-2 that was finetuned on dolly". */
function describesModel(parse: Parse): boolean {
  return isModel(peek(parse, 1)) && parse.clauses.length + parse.planned.size === 0;
}

/** The step being spoken of where it takes the input, else the last one that does. */
function takerOf({ current, clauses, facts }: Parse, field: string): Clause | undefined {
  if (current !== undefined && accepts(facts, current, field)) return current;
  return (
    clauses.findLast(({ task }) => facts.takes(task, field)) ??
    clauses.findLast((clause) => accepts(facts, clause, field))
  );
}

/** A limit said before any step belongs to its dataset, where one is named. */
function looseValues(parse: Parse, field: string): Values {
  const { facts, loose } = parse;
  if (!facts.loaderTakes(field)) return loose.settings;
  return limitsNext(parse) ? loose.waiting : (loose.datasets.at(-1)?.settings ?? loose.settings);
}

/** A number without a unit: "2 epochs, no, 1" takes back, 2e-4 is a learning rate, "quantize to 4" speaks of bits. */
export function readAmount(parse: Parse, { value, small }: ItemOf<'amount'>): void {
  const { current, facts } = parse;
  const before = parse.pieces.slice(0, parse.at).findLast((piece) => piece.k === 'value');
  if (corrects(parse) && typeof before?.values[0] === 'number') {
    readValue(parse, { field: before.field, values: [value] });
  } else if (small && value < 0.1) {
    readValue(parse, { field: 'learning_rate', values: [value] });
  } else if (current !== undefined && facts.takes(current.task, 'bits') && says(parse, -1, 'to')) {
    attach(parse, current, 'bits', [value]);
  } else {
    parse.amounts.push(value);
  }
}
