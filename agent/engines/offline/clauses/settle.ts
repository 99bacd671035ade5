/** The end of a message: what was left open finds its step. */

import { accepts, attach } from './attach.ts';
import type { Clause } from './clause.ts';
import { evaluateByWords, evaluateLoss, quantizeByBits } from './implied.ts';
import { putDataset } from './names.ts';
import type { Parse } from './parse.ts';
import { trainByValues } from './steps.ts';
import { pairLists } from './variants.ts';

export function settle(parse: Parse): void {
  trainByValues(parse);
  evaluateByWords(parse);
  quantizeByBits(parse);
  evaluateLoss(parse);
  parse.clauses = lastAtTheEnd(pairLists([...parse.clauses, ...parse.deferred.splice(0)]));
  for (const clause of parse.clauses) {
    if (clause.waiting.size > 0) clause.datasets.push({ name: null, settings: clause.waiting });
    settleReferences(parse, clause);
  }
  for (const clause of parse.clauses) settleTraining(parse, clause);
  placeLoose(parse);
  shareBeside(parse.clauses);
  measureAgain(parse.clauses);
  parse.clauses = parse.clauses.filter(({ task }) => !parse.dropped.includes(task));
  parse.clauses.forEach((_, index) => {
    lend(parse, index);
  });
}

/** "evaluate at the end, quantize before". */
function lastAtTheEnd(clauses: readonly Clause[]): Clause[] {
  const isLast = ({ cues }: Clause) => cues.has('last');
  return [...clauses.filter((clause) => !isLast(clause)), ...clauses.filter(isLast)];
}

/** "both", "each" and "them" are models of the plan where the step names none and fans out over nothing else. */
function settleReferences({ facts }: Parse, { task, models, from, datasets, settings, cues }: Clause): void {
  const several = datasets.length > 1 || [...settings.values()].some((values) => values.length > 1);
  const isOpen = models.length + from.length === 0 && !facts.makesModel(task) && !several;
  if (isOpen && cues.has('both')) from.push('both');
  else if (isOpen && cues.has('three')) from.push('three');
  else if (isOpen && (cues.has('each') || cues.has('them'))) from.push('each');
  if (cues.has('beside')) from.push('beside');
}

/** "train gpt2 on squad" is a finetune; only "from scratch", or a model that is described, makes a new one. */
function settleTraining({ clauses, cues, facts, loose }: Parse, clause: Clause): void {
  if (clause.task !== 'train') return;
  const isNew =
    cues.has('scratch') ||
    clause.cues.has('scratch') ||
    clause.cues.has('described') ||
    ['hidden_size', 'num_layers', 'num_heads', 'vocab_size'].some((input) => clause.settings.has(input));
  // "a.csv for training and b.csv for the evaluation of gpt2": what is trained is named elsewhere.
  const namesModel = clause.form === 'ing' && [loose, ...clauses].some(({ models }) => models.length > 0);
  const continues =
    clause.models.length + clause.from.length > 0 || namesModel || clause.cues.has('it') || clause.cues.has('lora');
  if (!isNew && continues && facts.has('finetune')) clause.task = 'finetune';
  else describeModel(facts, clause);
}

/** "a qwen2-style model from scratch": the name says what the new model is to be like, and names none. */
function describeModel(facts: Parse['facts'], { models, settings }: Clause): void {
  const familyOf = (text: string) => /[a-z]+/.exec(text.toLowerCase())?.[0];
  const known = facts.choices('architecture');
  const told = models.splice(0).flatMap((said) => known.find((choice) => familyOf(choice) === familyOf(said)) ?? []);
  if (told.length > 0 && !settings.has('architecture')) settings.set('architecture', told);
}

/** What was said for no step goes to the first that takes it, but for what the open question asks. */
function placeLoose(parse: Parse): void {
  const { asked, clauses, facts, loose } = parse;
  // Told before any step, and with no word that says otherwise, a path is the data: "use acme/faq to finetune".
  if (clauses.length > 0) for (const path of parse.paths.splice(0)) putDataset(loose, path);
  placeLooseValues(parse);
  const user = clauses.find(
    ({ task, models, from }) => facts.takesModel(task) && models.length === 0 && from.length === 0,
  );
  if (!asked.has('model_name')) user?.models.push(...loose.models.splice(0));
  const eaters = clauses.filter(({ task, datasets }) => facts.takesDataset(task) && datasets.length === 0);
  const eater = eaters.find(({ task }) => !facts.quantizes(task)) ?? eaters[0];
  if (!asked.has('dataset_path')) eater?.datasets.push(...loose.datasets.splice(0));
}

function placeLooseValues(parse: Parse): void {
  const { clauses, facts, loose } = parse;
  for (const [field, values] of loose.settings) {
    const taker =
      clauses.find(({ task }) => facts.takes(task, field)) ?? clauses.find((clause) => accepts(facts, clause, field));
    if (taker === undefined) continue;
    if (!taker.settings.has(field)) attach(parse, taker, field, values);
    loose.settings.delete(field);
  }
}

/**
 * "finetune gpt2 for 1 epoch and phi-2 for 2 on imdb": the dataset behind the last serves them all; values of the
 * first serve the others, too, but for those that they have themselves.
 */
function shareBeside(clauses: readonly Clause[]): void {
  clauses.forEach(({ task, datasets, settings }, index) => {
    const next = clauses[index + 1];
    if (!next?.cues.has('beside') || next.task !== task) return;
    if (datasets.length === 0) datasets.push(...next.datasets);
    if (next.cues.has('variant')) return;
    for (const [field, values] of settings) if (!next.settings.has(field)) next.settings.set(field, values);
  });
}

/** "…, quantize it and evaluate again": on what it was evaluated on before. */
function measureAgain(clauses: readonly Clause[]): void {
  clauses.forEach(({ task, cues, datasets }, index) => {
    const isAgain = task === 'evaluate' && cues.has('again') && datasets.length === 0;
    const earlier = clauses.slice(0, index).findLast((clause) => clause.task === task);
    if (isAgain && earlier !== undefined) datasets.push(...earlier.datasets);
  });
}

/** "finetune and evaluate gpt2 on squad": the object behind the last verb is the first one's. */
function lend({ clauses, facts, planned }: Parse, index: number): void {
  const clause = clauses[index] as Clause;
  const hasModel = clauses.slice(0, index).some(({ task, models }) => facts.makesModel(task) || models.length > 0);
  if (!facts.takesModel(clause.task) || clause.models.length > 0 || hasModel || planned.size > 0) return;
  const lender = clauses.slice(index + 1).find(({ models }) => models.length > 0);
  if (lender === undefined) return;
  clause.models.push(...lender.models);
  const comparesOwn = lender.from.some((from) => from !== 'beside');
  if (!comparesOwn || facts.makesModel(clause.task)) lender.models.length = 0;
  lendDatasets(facts, clause, lender);
}

function lendDatasets(facts: Parse['facts'], clause: Clause, lender: Clause): void {
  const needs = facts.takesDataset(clause.task) && !facts.quantizes(clause.task) && clause.datasets.length === 0;
  if (!needs || clause.cues.has('told_late')) return;
  clause.datasets.push(...lender.datasets);
  if (facts.quantizes(lender.task)) lender.datasets.length = 0;
}
