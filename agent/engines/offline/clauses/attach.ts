/** Values go to the step or to the dataset that they belong to. */
import type { Clause, Scalar, Values } from './clause.ts';
import { ahead, corrects, isDataset, isNoun, isWord, type Parse, says } from './parse.ts';

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
  return (limitsNext(parse) ? undefined : datasets.at(-1)?.settings) ?? waiting;
}

/** "500 rows of squad" limits what comes next, "squad, 500 rows of it" what was named. */
export function limitsNext(parse: Parse): boolean {
  const named = ahead(
    parse,
    4,
    (piece) => isDataset(piece) || piece.k === 'path' || piece.k === 'hub',
    (piece) => isWord(piece, 'of', 'from', 'the', 'a', 'filler') || isNoun(piece, 'dataset'),
  );
  return named === 1 || (named !== undefined && says(parse, 1, 'of', 'from'));
}

/** A second value beside the first fans out; a correction replaces it. */
export function merge(parse: Parse, into: Values, field: string, values: readonly Scalar[]): void {
  const known = corrects(parse) ? undefined : into.get(field);
  into.set(field, [...new Set([...(known ?? []), ...values])]);
}
