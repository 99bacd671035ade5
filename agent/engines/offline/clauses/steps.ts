/** Steps: which word begins one, which speaks of one that there is, and in which order they run. */
import type { TaskForm } from '../vocabulary/task-words.ts';
import { attach } from './attach.ts';
import { type Clause, hasAny, isBare, newClause, pushNew } from './clause.ts';
import { readEnvironment } from './environment.ts';
import { isManner, isMeantAgain, isRelative, isResultNoun, isTrainedOn } from './mentions.ts';
import { putDataset } from './names.ts';
import { namesModelNext, type Order, type Parse, says, saysNear } from './parse.ts';
import { handOn, placeOf, takeOrder } from './placing.ts';
import { isReference, refer } from './results.ts';

export function readTask(parse: Parse, task: string, form: TaskForm): void {
  const order = takeOrder(parse, form);
  if (task === 'create_env') return readEnvironment(parse);
  if (isManner(parse, task) || isRelative(parse, form)) return;
  if (isResultNoun(parse, task, form)) return refer(parse, task);
  if (form === 'done' && isTrainedOn(parse)) return beginWithin(parse, task);
  if (form === 'done' && isReference(parse, order !== undefined)) return refer(parse, task);
  if (task === 'train' && speaksOfTraining(parse, form)) return;
  if (form === 'verb') forgetMereTalk(parse, task);
  const known = [...parse.clauses, ...parse.deferred].find((clause) => clause.task === task);
  if (order !== undefined && isAround(order) && evaluatesAround(parse, order, task, known)) return;
  if (known !== undefined && isMeantAgain(parse, known, form, order)) speakOf(parse, known);
  else begin(parse, task, form, order);
}

/** A step that is told in the words of the one that follows it: these go on behind it. */
function beginWithin(parse: Parse, task: string): void {
  const outer = parse.current;
  begin(parse, task, 'done', 'earlier');
  if (outer !== undefined) parse.current = outer;
}

/** Begins an evaluation, where none is being spoken of. */
export function evaluate(parse: Parse): void {
  if (parse.current?.task !== 'evaluate' && parse.facts.has('evaluate')) readTask(parse, 'evaluate', 'verb');
}

/** "training for 3 epochs" and "train for 500 steps" speak of the training that there is already. */
function speaksOfTraining(parse: Parse, form: TaskForm): boolean {
  if (namesModelNext(parse)) return false;
  const { facts, clauses, planned } = parse;
  const another = says(parse, -1, 'then') || says(parse, -2, 'then');
  const trainer = clauses.findLast(
    ({ task }) => task === 'train' || (facts.makesModel(task) && !facts.quantizes(task)),
  );
  if (trainer !== undefined && !(form === 'verb' && another)) {
    speakOf(parse, trainer);
    return true;
  }
  const earlier = ['finetune', 'qat'].find((task) => planned.has(task));
  if (earlier === undefined || another) return false;
  readTask(parse, earlier, form);
  return true;
}

/** "does quantization hurt? quantize phi-2": a step that was only talked of gives way to the one asked for. */
function forgetMereTalk(parse: Parse, task: string): void {
  const { clauses } = parse;
  const isTalk = ({ form, cues }: Clause) => form === 'noun' || cues.has('goal');
  const talk = clauses.find((clause) => clause.task === task && isBare(clause) && isTalk(clause));
  if (talk === undefined || saysNear(parse, 'again', 'also')) return;
  if (parse.current === talk) parse.current = undefined;
  clauses.splice(clauses.indexOf(talk), 1);
}

function isAround(order: Order): boolean {
  return order !== 'earlier' && order !== 'first' && order !== 'within';
}

/** "evaluate before and after quantization": which models are evaluated, not when. */
function evaluatesAround(parse: Parse, order: Order, task: string, known: Clause | undefined): boolean {
  const { clauses, current, facts, planned } = parse;
  const last = order === 'around' ? clauses.findLast((clause) => clause.task === 'evaluate') : undefined;
  const evaluation = current?.task === 'evaluate' ? current : last;
  if (evaluation === undefined || !facts.makesModel(task)) return false;
  if (known !== undefined) {
    if (clauses.indexOf(known) > clauses.indexOf(evaluation)) return false;
  } else if (!planned.has(task)) {
    parse.current = evaluation;
    const clause = begin(parse, task, 'ing', 'after');
    // Both sides are measured with one dataset, so the step in the middle is trained on it.
    if (order === 'around') clause.cues.delete('told_late');
  }
  for (const side of order === 'around' ? ['before', 'after'] : [order]) pushNew(evaluation.from, `${side}:${task}`);
  return true;
}

function speakOf(parse: Parse, clause: Clause): void {
  parse.current = clause;
  parse.newSentence = false;
}

/** A step of its own, in its place: before the one that it is told to precede. */
export function begin(parse: Parse, task: string, form: Clause['form'], order?: Order): Clause {
  trainByValues(parse, task);
  keepReplacement(parse, task);
  const { clauses, deferred } = parse;
  const clause = newClause(task, form);
  const place = placeOf(parse, order);
  if (order !== 'before' && place >= 0) {
    clauses.splice(place, 0, clause);
    clause.cues.add('told_late');
    if (order === 'within') handOn(parse, clauses[place - 1]?.task ?? '', task);
  } else if (order === 'before' && place < 0) deferred.push(clause);
  else clauses.push(clause, ...deferred.splice(0));
  if (order === 'before' && parse.planned.has(task)) clause.cues.add('anchor');
  takeEarly(parse, clause);
  speakOf(parse, clause);
  return clause;
}

/** "swap gpt2 for phi-2 and evaluate it": a name that takes another's place in the plan is no further step's own. */
function keepReplacement(parse: Parse, task: string): void {
  const { asked, clauses, cues, planned } = parse;
  const replaces = planned.size > 0 && !planned.has(task) && hasAny(cues, 'instead', 'change');
  if (clauses.length === 0 && replaces) parse.asked = new Set([...asked, 'model_name', 'dataset_path']);
}

/** Names and values said before any step belong to the first one that takes them. */
function takeEarly(parse: Parse, clause: Clause): void {
  const { asked, facts, loose } = parse;
  if ((facts.takesModel(clause.task) || clause.task === 'train') && !asked.has('model_name')) {
    clause.models.push(...loose.models.splice(0));
    clause.from.push(...loose.from.splice(0));
  }
  const trainsOrMeasures = takesLooseData(parse, clause.task);
  if (clause.task === 'load_dataset') for (const path of parse.paths.splice(0)) putDataset(loose, path);
  if (trainsOrMeasures && !asked.has('dataset_path')) clause.datasets.push(...loose.datasets.splice(0));
  for (const [input, values] of loose.settings) {
    if (attach(parse, clause, input, values)) loose.settings.delete(input);
  }
}

function takesLooseData({ facts }: Parse, task: string): boolean {
  return task === 'load_dataset' || (facts.takesDataset(task) && !facts.quantizes(task));
}

/** "mistral-7b, gsm8k, rank 8, 2 epochs, then eval": values of a training ask for one, where no word does. */
export function trainByValues(parse: Parse, next?: string): void {
  const { clauses, facts, loose, pieces, planned } = parse;
  if (clauses.length + planned.size > 0 || loose.models.length === 0 || !facts.has('finetune')) return;
  if (next !== undefined && !facts.takesModel(next)) return;
  const tasks = pieces.flatMap((piece) => (piece.k === 'task' ? [piece.task] : []));
  const isTraining = (field: string) =>
    facts.takes('finetune', field) &&
    ![...tasks, next ?? '', 'evaluate', 'ptq'].some((task) => facts.takes(task, field));
  if ([...loose.settings.keys()].some(isTraining)) begin(parse, 'finetune', 'implied');
}
