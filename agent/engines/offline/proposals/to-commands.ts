/** What a reading asks for, in the light of the plan and the open question. */
import type { Command, CommandOf, Selector, Setting } from '../../../commands.ts';
import type { Context } from '../../engine.ts';
import { type Clause, type Cue, hasAny, isBare, type Reading, settingsOf, wishesOf } from '../clauses/clause.ts';
import { moodOf, retryWords } from '../requests/orders.ts';
import type { TaskFacts } from '../task-facts.ts';
import type { Piece } from '../values.ts';
import { proposeChange } from './change.ts';
import { addsOneMore, claimNumbers, giveWay, proposeDrops } from './exclusions.ts';
import { withImpliedStep } from './implied-step.ts';
import { limitOf, proposePairs } from './limits.ts';
import { proposeRestriction } from './restriction.ts';
import { proposeSteps } from './steps.ts';
import { isSpent, type Wish } from './wish.ts';

const retries = /\bre-?try\b|\bresume\b|\btry (?:it |that )?again\b/;
const restarts = /\bre-?run\b|\brestart\b|\btry\b.*\bagain\b/;
const goes =
  "(?:go ahead|go for it|let'?s go|go|approved?|(?:start|launch|submit|run|ship|do) (?:it|that|this)(?: now| please)?|start|launch|submit)";
const goesLast = new RegExp(`(?:, ?|\\band |\\bthen )(?:please )?${goes}(?: now| please)?[ .!]*$`);
const goesFirst = new RegExp(`^(?:(?:ok|okay|yes|yeah|sure|fine|great)[ ,]+)*${goes}(?: ?,| with| but)`);

/** "use 3 samples and go": a change of the plan, and the word for it. */
export function toCommands(wish: Wish, context: Context): Command[] {
  const commands = readCommands(wish, context);
  const said = saidIn(wish.pieces);
  const changes = commands.length > 0 && commands.every(({ type }) => type === 'set' || type === 'drop');
  const isGo = context.plan.length > 0 && (goesLast.test(said) || goesFirst.test(said)) && !/n't|\bnot\b/.test(said);
  return changes && isGo ? [...commands, { type: 'approve' }] : commands;
}

function saidIn(pieces: readonly Piece[]): string {
  return pieces.map((piece) => ('text' in piece ? (piece.text ?? '').toLowerCase() : '')).join(' ');
}

function readCommands(wish: Wish, context: Context): Command[] {
  const { reading, pieces, facts } = wish;
  const again = retrying(reading, pieces, context);
  if (again !== undefined) return [again];
  const pairs = proposePairs(wish);
  if (pairs.length > 0) return pairs;
  claimNumbers(wish);
  const gone = proposeDrops(wish);
  giveWay(wish);
  if (addsOneMore(wish)) reading.cues.add('also');
  if (gone.length > 0 && isSpent(reading) && reading.dropped.length === 0) return gone;
  const kept = proposeRestriction(wish);
  if (kept.length > 0) return [...gone, ...kept];
  const limit = limitOf(wish);
  const asked = propose(withImpliedStep(reading, pieces, context, facts), wish, context);
  const others = gone.length > 0 ? asked.filter(({ type }) => type !== 'talk') : asked;
  return [...gone, ...(limit === undefined ? others : limited(others, limit))];
}

function propose(read: Reading, { pieces, facts }: Wish, context: Context): Command[] {
  const { plan } = context;
  const planned = [...new Set(plan.map(({ task }) => task))];
  // Dropped last: "drop the finetuning and evaluate it" evaluates what the dropped step started from.
  const drops = dropping(read.dropped.filter((task) => planned.includes(task)));
  if (plan.length > 0 && repeats(read)) return [repetition(read), ...drops];
  const reading = withoutAnswers(read, context);
  const left = reduced(reading, pieces, planned);
  if (left.length > 0) return left;
  if (reading.clauses.length > 0) return [...proposeSteps(reading, pieces, context, facts), ...drops];
  const change = proposeChange(reading, pieces, context, facts);
  if (change !== undefined) return [asRepetition(change, reading.cues, context, facts), ...drops];
  if (drops.length > 0) return drops;
  // What the plan does not have needs no taking out: it stays as it is.
  const isGone = plan.length > 0 && read.dropped.length + read.rejected.length > 0;
  return isGone ? [{ type: 'show' }] : [talkAbout(reading, context)];
}

/** The first step or change is about these variants; what comes after it goes on from there. */
function limited(commands: Command[], of: Selector): Command[] {
  const at = commands.findIndex(({ type }) => type === 'run' || type === 'set');
  return commands.map((command, index) => {
    if (index !== at) return command;
    if (command.type === 'set') return { ...command, of };
    if (command.type !== 'run' || !command.extend) return command;
    return { ...command, steps: command.steps.map((step, place) => (place === 0 ? { ...step, of } : step)) };
  });
}

/** "retry with batch size 4": what was submitted goes on with other values; of a mere plan it is a change. */
function retrying({ loose, clauses }: Reading, pieces: readonly Piece[], context: Context): Command | undefined {
  const said = saidIn(pieces);
  const id = pieces.find((piece) => piece.k === 'id')?.text ?? null;
  const all = [loose, ...clauses];
  const settings = [...all.flatMap((clause) => settingsOf(clause.settings)), ...all.flatMap(ofDatasets)];
  const namesNone = all.every(({ models, datasets }) => models.length === 0 && datasets.every(({ name }) => !name));
  const again = retries.test(said) || (id !== null && restarts.test(said));
  if (!again || settings.length === 0 || !namesNone) return undefined;
  if (id === null && context.plan.length > 0 && !context.submitted) return undefined;
  if (moodOf(said, retryWords) !== 'order') return { type: 'talk', topic: 'unclear', text: '' };
  return { type: 'retry', id, settings };
}

function ofDatasets(clause: Clause): Setting[] {
  return wishesOf(clause).flatMap(({ name, settings }) => (name === null ? settings : []));
}

function dropping(tasks: string[]): Command[] {
  return tasks.length > 0 ? [{ type: 'drop', tasks }] : [];
}

/** "do the same for phi-2": no step of its own, or only one that the plan has. */
function repeats({ cues, loose, clauses }: Reading): boolean {
  return cues.has('same') && !cues.has('instead') && ![loose, ...clauses].every(isBare);
}

function repetition({ loose, clauses }: Reading): CommandOf<'repeat'> {
  const all = [loose, ...clauses];
  return {
    type: 'repeat',
    models: all.flatMap(({ models }) => models),
    datasets: all.flatMap(wishesOf),
    settings: all.flatMap(({ settings }) => settingsOf(settings)),
  };
}

/** "load imdb", while the question is open which dataset, names it. */
function withoutAnswers(reading: Reading, { missing }: Context): Reading {
  if (!missing.some(({ input }) => input === 'dataset_path')) return reading;
  const answers = (clause: Clause) => clause.task === 'load_dataset' && clause.datasets.length === 1;
  const datasets = reading.clauses.filter(answers).flatMap((clause) => clause.datasets);
  return {
    ...reading,
    clauses: reading.clauses.filter((clause) => !answers(clause)),
    loose: { ...reading.loose, datasets: [...reading.loose.datasets, ...datasets] },
  };
}

/** "only finetune and evaluate": the plan's other steps go. */
function reduced({ clauses }: Reading, pieces: readonly Piece[], planned: readonly string[]): Command[] {
  const only = pieces.some((piece) => piece.k === 'word' && /^(only|just)$/i.test(piece.text));
  const kept = clauses.map(({ task }) => task);
  if (!only || kept.length === 0 || !clauses.every(isBare) || !kept.every((task) => planned.includes(task))) return [];
  return dropping(planned.filter((task) => !kept.includes(task) && !/^(load_|create_)/.test(task)));
}

/** "also to 4 bits", "also for phi-2": what is there stays, and runs once more with the other value. */
function asRepetition(
  change: CommandOf<'set'>,
  cues: ReadonlySet<Cue>,
  { plan, missing }: Context,
  facts: TaskFacts,
): Command {
  const { task, models, datasets, settings, instead_of } = change;
  if (settings.some(({ input }) => facts.isList(input))) return change;
  // "no, 2e-5, and also 1 epoch": it joins what is corrected.
  if (hasAny(cues, 'correct', 'instead', 'change') && settings.length > 1) return change;
  if (!cues.has('also') || missing.length > 0 || instead_of !== null || task !== null) return change;
  const differs = settings.every(({ input, values }) =>
    plan.some(({ inputs }) => inputs[input] !== undefined && !values.includes(inputs[input] as number)),
  );
  const isWhole = datasets.every(({ name }) => name !== null);
  if (!differs || !isWhole) return change;
  // "and on samsum as well" goes on with the step that was told last, where that has data of its own.
  const last = plan.at(-1)?.task;
  const ofLast = last !== undefined && datasets.length > 0 && models.length + settings.length === 0;
  return { type: 'repeat', ...(ofLast && { task: last }), models, datasets, settings };
}

function talkAbout({ unknown, cues }: Reading, { plan, missing }: Context): CommandOf<'talk'> {
  const strange = unknown.length > 0 && missing.length === 0 && plan.length === 0 && !cues.has('load');
  return { type: 'talk', topic: strange ? 'out_of_scope' : 'unclear', text: '' };
}
