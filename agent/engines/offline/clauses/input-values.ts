/** Values, and the steps and datasets that they belong to. */
import type { ItemOf } from '../items.ts';
import type { ValuePiece } from '../values.ts';
import type { Clause, Scalar, Values } from './clause.ts';
import { around, corrects, isWord, type Parse, peek, says } from './parse.ts';

export function readValue(parse: Parse, { field, values }: Pick<ValuePiece, 'field' | 'values'>): void {
  const clause = takerOf(parse, field);
  if (clause === undefined) merge(parse, parse.loose.settings, field, values);
  else attach(parse, clause, field, values);
}

/** The step being spoken of where it takes the input, else the last one that does. */
function takerOf({ current, clauses, facts }: Parse, field: string): Clause | undefined {
  if (current !== undefined && accepts(facts, current, field)) return current;
  return (
    clauses.findLast(({ task }) => facts.takes(task, field)) ??
    clauses.findLast((clause) => accepts(facts, clause, field))
  );
}

/** Whether a step takes the input, itself or through the dataset that is loaded for it. */
export function accepts(facts: Parse['facts'], { task }: Clause, field: string): boolean {
  return facts.takes(task, field) || (facts.loaderTakes(field) && facts.takesDataset(task));
}

/** Gives a clause, or its dataset, a value; false where it takes none such. */
export function attach(parse: Parse, clause: Clause, field: string, values: readonly Scalar[]): boolean {
  const { facts } = parse;
  if (!accepts(facts, clause, field)) return false;
  const ofLoader = facts.loaderTakes(field) && (clause.task === 'load_dataset' || !facts.takes(clause.task, field));
  merge(parse, ofLoader ? datasetSettings(parse, clause) : clause.settings, field, values);
  return true;
}

function datasetSettings(parse: Parse, { datasets, waiting }: Clause): Values {
  const ofNext = says(parse, 1, 'of', 'from') || peek(parse, 1)?.k === 'name';
  return (ofNext ? undefined : datasets.at(-1)?.settings) ?? waiting;
}

/** A second value beside the first fans out; one that comes later, or as a correction, replaces it. */
function merge(parse: Parse, into: Values, field: string, values: readonly Scalar[]): void {
  const known = into.get(field);
  const listed = peek(parse, -1)?.k === 'mark' && /^(value|amount)$/.test(peek(parse, -2)?.k ?? '');
  const joined = listed || around(parse, -1, -2).some((piece) => isWord(piece, 'and', 'or'));
  const replaces = corrects(parse) || !(joined || parse.facts.isList(field));
  into.set(field, known === undefined || replaces ? [...values] : [...new Set([...known, ...values])]);
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
