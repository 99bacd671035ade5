/** Steps: a new plan, more of the last one, or a change of steps that it has. */
import type { Command, CommandOf, StepWish } from '../../../commands.ts';
import type { Context } from '../../engine.ts';
import { type Clause, type Cue, hasAny, isBare, type Reading, settingsOf, wishesOf } from '../clauses/clause.ts';
import { isWord } from '../clauses/parse.ts';
import type { TaskFacts } from '../task-facts.ts';
import type { Piece } from '../values.ts';
import { proposeChange } from './change.ts';

/** Words that lean on what is there. */
const leaning: Cue[] = ['then_first', 'also', 'instead', 'correct', 'again', 'change', 'same'];
const referring: Cue[] = ['it', 'base', 'both', 'each', 'them'];

export function proposeSteps(
  reading: Reading,
  pieces: readonly Piece[],
  context: Context,
  facts: TaskFacts,
): Command[] {
  const { clauses, rejected } = reading;
  const run = (extend: boolean, steps: readonly Clause[]): Command[] =>
    steps.length === 0 ? [] : [{ type: 'run', extend, steps: steps.map((clause) => toStep(clause, facts)) }];
  if (!extendsPlan(reading, context, facts)) return run(false, clauses);
  const anchors = clauses.filter((clause) => isBare(clause) && isAnchor(clause, reading, pieces, context));
  const told = clauses.filter((clause) => !anchors.includes(clause) && !isMereMention(clause, clauses, context));
  const changes = told.filter((clause) => changesPlan(clause, reading, context));
  const added = told.filter((clause) => !changes.includes(clause));
  // What answers the open question or changes the plan comes along with a further step: "on squad, and quantize it too".
  const isTold = context.missing.length > 0 || !isBare(reading.loose);
  const answer = isTold ? proposeChange(reading, pieces, context, facts) : undefined;
  return [
    ...(answer === undefined ? [] : [answer]),
    ...changes.map((clause) => toChange(clause, rejected[0]?.said ?? null)),
    ...placed(run(true, added), anchors[0]?.task, reading, pieces, context, facts),
  ];
}

/** "finetune it first, I want the finetuned one evaluated": a step of the plan, told as the one that another precedes. */
function isAnchor(
  { task, from, cues }: Clause,
  { clauses, cues: said }: Reading,
  pieces: readonly Piece[],
  { plan }: Context,
): boolean {
  if (cues.has('anchor')) return true;
  const isPlanned = (name: string) => plan.some((node) => node.task === name);
  const added = clauses.filter((clause) => !isPlanned(clause.task)).map((clause) => `after:${clause.task}`);
  const isKept = isPlanned(task) && !said.has('also') && !cues.has('again');
  return isKept && added.length > 0 && goesBefore(pieces) && from.every((model) => added.includes(model));
}

/** Where in the plan the first of the further steps goes: before one of it, in the place of one, or at the end. */
function placed(
  commands: Command[],
  anchor: string | undefined,
  reading: Reading,
  pieces: readonly Piece[],
  { plan }: Context,
  facts: TaskFacts,
): Command[] {
  const [command] = commands;
  if (command?.type !== 'run') return commands;
  const [first, ...others] = command.steps;
  if (first === undefined) return commands;
  const planned = [...new Set(plan.map(({ task }) => task))].filter(facts.takesModel);
  const before =
    anchor ?? (goesBefore(pieces) ? planned.find((task) => rank(task, facts) > rank(first.task, facts)) : undefined);
  const isReplacing = before === undefined && replaces(first, reading, pieces);
  const inPlaceOf =
    heir(first, reading, planned, facts) ?? (isReplacing ? replacedBy(first.task, planned, facts) : undefined);
  const step = {
    ...first,
    ...(before !== undefined && facts.makesModel(first.task) && { before }),
    ...(inPlaceOf !== undefined && { in_place_of: inPlaceOf }),
  };
  return [{ ...command, steps: [step, ...others] }];
}

/** "no ptq, do qat": the step that is taken out for this one. */
function heir({ task, models }: StepWish, { dropped }: Reading, planned: readonly string[], facts: TaskFacts) {
  const gone = dropped.find((other) => planned.includes(other) && facts.takes(other, 'bits'));
  return models.length === 0 && facts.takes(task, 'bits') ? gone : undefined;
}

/** "quantize it first", "put a quantization in between". */
function goesBefore(pieces: readonly Piece[]): boolean {
  return pieces.some(
    (piece) =>
      isWord(piece, 'earlier') ||
      ('text' in piece && /^(first|firstly|beforehand|between|insert|upfront)$/i.test(piece.text ?? '')),
  );
}

/** Trainings come before quantizations, and those before evaluations. */
function rank(task: string, facts: TaskFacts): number {
  if (!facts.makesModel(task)) return 2;
  return facts.quantizes(task) ? 1 : 0;
}

/** "I'd rather quantize it instead": a step in the place of one, where no word says what goes. */
function replaces({ models }: StepWish, { cues, rejected, dropped }: Reading, pieces: readonly Piece[]): boolean {
  const rather = pieces.some(
    (piece) => 'text' in piece && /\b(rather|make)\b/i.test(piece.text ?? '') && cues.has('correct'),
  );
  return (cues.has('instead') || rather) && !cues.has('also') && models.length + rejected.length + dropped.length === 0;
}

/** The step of the plan that is most like this one. */
function replacedBy(task: string, planned: readonly string[], facts: TaskFacts): string | undefined {
  if (planned.includes(task)) return task;
  const quantizer = facts.takes(task, 'bits') ? planned.findLast((other) => facts.takes(other, 'bits')) : undefined;
  return quantizer ?? planned.findLast(facts.makesModel) ?? planned.at(-1);
}

/** Whether steps go on from the last plan: they lean on it ("it", "also", "then") and start nothing of their own. */
function extendsPlan({ clauses, cues }: Reading, { plan, missing }: Context, facts: TaskFacts): boolean {
  const [first] = clauses;
  if (plan.length === 0 || first === undefined) return false;
  const planned = new Set(plan.map(({ task }) => task));
  const isOther = clauses.every(({ task }) => !planned.has(task));
  if (isOther && first.models.length > 0 && !hasAny(cues, 'also', 'it', 'then_first')) return false;
  const leans = hasAny(cues, ...leaning, ...referring);
  const answers = missing.length > 0 && planned.has(first.task);
  if (!answers && clauses.some(({ task, models }) => models.length > 0 || task === 'train')) {
    const isWhole = clauses.length > 1 && first.models.length > 0 && first.datasets.length > 0;
    return cues.has('then_first') || (leans && !isWhole);
  }
  return leans || cues.has('use') || clauses.some(({ task }) => facts.takesModel(task) || serves(task));
}

/** "start the finetuning from the adapter x": a step of the plan, told only because something else is for it. */
function isMereMention(clause: Clause, clauses: readonly Clause[], { plan }: Context): boolean {
  const isPlanned = plan.some(({ task }) => task === clause.task);
  const known = isPlanned && isBare(clause) && clause.from.length === 0 && !hasAny(clause.cues, 'again', 'also');
  return known && clauses.some(({ task, settings }) => serves(task) && settings.size > 0);
}

/** An environment, an adapter or a config may be meant for the plan; a dataset to load is its own wish. */
function serves(task: string): boolean {
  return /^(create_env|load_lora|load_config)$/.test(task);
}

/** "quantize to 4 bits instead": a step that the plan has, told other values; "also" and "again" add one. */
function changesPlan(clause: Clause, { cues }: Reading, { plan, missing }: Context): boolean {
  const { task, from, models, datasets, settings } = clause;
  if (task === 'load_dataset' || !plan.some((node) => node.task === task)) return false;
  if (cues.has('also') || clause.cues.has('again') || from.length > 0) return false;
  if (missing.length > 0 || hasAny(cues, 'instead', 'correct', 'change')) return true;
  const namesNothing = models.length === 0 && datasets.every(({ name }) => name === null);
  return namesNothing && settings.size + datasets.length > 0;
}

function toChange(clause: Clause, insteadOf: string | null): CommandOf<'set'> {
  const { task, models, settings } = clause;
  const datasets = wishesOf(clause);
  return { type: 'set', task, models, datasets, settings: settingsOf(settings), instead_of: insteadOf };
}

function toStep(clause: Clause, facts: TaskFacts): StepWish {
  const takesModel = facts.takesModel(clause.task);
  return {
    task: clause.task,
    models: takesModel ? clause.models : [],
    model_from: takesModel ? clause.from : clause.from.filter((from) => from === 'beside'),
    datasets: wishesOf(clause),
    settings: settingsOf(clause.settings),
  };
}
