/** One step told in several ways: "once with lr 1e-4 and once with 5e-5", "gpt2 and phi-2 on imdb and gsm8k respectively". */
import { type Clause, newClause, type Scalar } from './clause.ts';
import { type Parse, peek, says, spelling } from './parse.ts';

/** Whether a word begins another way to do the step being spoken of: "once with", ", one on", "and another for". */
export function beginsVariant(parse: Parse): boolean {
  const joined = peek(parse, -1)?.k === 'mark' || says(parse, -1, 'and', 'then');
  const counts = spelling(parse) === 'once' || (joined && /^(one|another|other)$/.test(spelling(parse)));
  return counts && parse.current !== undefined && says(parse, 1, 'with', 'on', 'for', 'to');
}

/** The first way is told in the step's own clause; each further one gets a copy of what was said before the first. */
export function readVariant(parse: Parse): void {
  const { clauses, current, variants } = parse;
  if (current === undefined) return;
  if (variants?.last !== current) {
    parse.variants = { base: copyOf(current), last: current };
    if (/^(once|one)$/.test(spelling(parse))) return;
  }
  const clause = copyOf(parse.variants?.base ?? current);
  clause.cues = new Set(['beside', 'variant']);
  clauses.splice(clauses.indexOf(current) + 1, 0, clause);
  parse.current = clause;
  parse.variants = { base: parse.variants?.base ?? current, last: clause };
}

function copyOf({ task, form, models, from, datasets, settings }: Clause): Clause {
  return {
    ...newClause(task, form),
    models: [...models],
    from: [...from],
    datasets: datasets.map((dataset) => ({ ...dataset, settings: new Map(dataset.settings) })),
    settings: new Map(settings),
  };
}

/** Takes lists of equal length pair by pair, where the message says "respectively". */
export function pairLists(clauses: readonly Clause[]): Clause[] {
  return clauses.flatMap((clause) => (clause.cues.has('respectively') ? pairsOf(clause) : [clause]));
}

function pairsOf(clause: Clause): Clause[] {
  const lists = [clause.models, clause.datasets, ...clause.settings.values()].map(({ length }) => length);
  const count = Math.max(...lists);
  if (count < 2 || lists.filter((length) => length === count).length < 2) return [clause];
  const one = <Value>(list: Value[], at: number) => (list.length === count ? list.slice(at, at + 1) : list);
  return Array.from({ length: count }, (_, at) => ({
    ...copyOf(clause),
    models: one(clause.models, at),
    datasets: one(clause.datasets, at),
    settings: new Map([...clause.settings].map(([field, values]): [string, Scalar[]] => [field, one(values, at)])),
    cues: new Set([...clause.cues, 'variant' as const, ...(at > 0 ? (['beside'] as const) : [])]),
  }));
}
