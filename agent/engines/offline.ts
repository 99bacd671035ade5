import type { Catalogue } from '../../src/core/task.ts';
import type { Command, CommandOf, StepWish } from '../commands.ts';
import { createWiring } from '../draft.ts';
import type { Context, Engine, EngineWorld } from './engine.ts';
import { type Clause, type Reading, readClauses, settingsOf, type TaskFacts, wishesOf } from './offline-clauses.ts';
import { readItems } from './offline-items.ts';
import { readTokens } from './offline-lexer.ts';
import { createLexicon } from './offline-lexicon.ts';
import { readRequest } from './offline-requests.ts';
import { foldValues, type Piece } from './offline-values.ts';

/**
 * The built-in engine: no network, deterministic. Words become pieces with a meaning, pieces become
 * clauses (one a step), clauses become commands in the light of the plan and the open question.
 */
export function createOfflineEngine({ catalogue, names }: EngineWorld): Engine {
  const lexicon = createLexicon(catalogue);
  const facts = factsOf(catalogue);
  const engine: Engine = {
    understand: async (text, context, signal) => {
      const restart = restarted(text);
      if (restart !== undefined && context.plan.length > 0) {
        const anew = await engine.understand(restart, { ...context, plan: [], missing: [] }, signal);
        return { ...anew, commands: [{ type: 'forget' }, ...anew.commands] };
      }
      const pieces = foldValues(readItems(readTokens(text), names, lexicon));
      const planTasks = new Set(context.plan.map(({ task }) => task));
      const request = readRequest(text, pieces, context, catalogue);
      if (request !== undefined) return { commands: [request], engine: 'offline', warnings: [] };
      const narrowed = narrowing(text, context);
      if (narrowed !== undefined) return { commands: [narrowed], engine: 'offline', warnings: [] };
      const reading = readClauses(pieces, facts, planTasks, new Set(context.missing.map(({ input }) => input)));
      return { commands: toCommands(reading, pieces, context, facts), engine: 'offline', warnings: [] };
    },
  };
  return engine;
}

/** "forget it, quantize phi-2": what follows is a new beginning. */
function restarted(text: string): string | undefined {
  const found =
    /^\s*(?:no,? |ok,? |actually,? )?(?:forget (?:it|that|about (?:it|that))|never ?mind|scrap (?:it|that)|start over)\b[\s,.;:!-]+(?:and |then |instead )?(\S.{3,})$/is.exec(
      text,
    );
  return found?.[1];
}

function factsOf(catalogue: Catalogue): TaskFacts {
  const wiring = createWiring(catalogue);
  const loader = wiring.producer('dataset');
  const has = (task: string) => catalogue.has(task);
  const takes = (task: string, input: string) => catalogue.get(task)?.inputFields.has(input) === true;
  const takesDataset = (task: string) => has(task) && wiring.inputOfKind(wiring.task(task), 'dataset') !== undefined;
  const makesModel = (task: string) => has(task) && wiring.outputOfKind(wiring.task(task), 'model') !== undefined;
  return {
    has,
    takes,
    takesDataset,
    makesModel,
    takesModel: (task) => has(task) && wiring.modelInputs(wiring.task(task)) !== undefined,
    quantizes: (task) => takes(task, 'bits') && wiring.inputOfKind(wiring.task(task), 'dataset')?.required !== true,
    loaderTakes: (input) => loader?.inputFields.has(input) === true,
    isList: (input) => [...catalogue.values()].some((task) => task.inputFields.get(input)?.jsonTypes.includes('array')),
  };
}

function toCommands(reading: Reading, pieces: readonly Piece[], context: Context, facts: TaskFacts): Command[] {
  const hasPlan = context.plan.length > 0;
  const dropped = reading.dropped.filter((task) => context.plan.some((node) => node.task === task));
  // Dropped last: "drop the finetuning and evaluate it" evaluates what the dropped step started from.
  const drops: Command[] = dropped.length > 0 ? [{ type: 'drop', tasks: dropped }] : [];
  if (hasPlan && repeats(reading)) return [repetition(reading), ...drops];
  const clauses = withoutAnswers(reading, context);
  const left = reducesTo(clauses, pieces, context);
  if (left !== undefined) return [left];
  if (clauses.length > 0) return [...stepCommands(reading, context, facts), ...drops];
  const change = looseChange(reading, context);
  if (change !== undefined) return [asRepetition(change, reading, context), ...drops];
  return drops.length > 0 ? drops : [talkFor(reading, pieces, context)];
}

/** "do the same for phi-2": no step of its own, or only one that the plan has. */
function repeats({ cues, loose, clauses }: Reading): boolean {
  const varied = [loose, ...clauses].some(
    ({ models, datasets, settings }) => models.length + datasets.length + settings.size > 0,
  );
  return cues.has('same') && varied && !cues.has('instead');
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

/** "also to 4 bits", "also for phi-2": what is there stays, and runs once more with the other value. */
function asRepetition(change: CommandOf<'set'>, { cues }: Reading, context: Context): Command {
  const { models, datasets, settings } = change;
  const also = cues.has('also') && context.missing.length === 0 && change.instead_of === null;
  if (!also || datasets.some(({ name }) => name === null)) return change;
  const replacesValue = settings.every(({ input, values }) =>
    context.plan.some(({ inputs }) => inputs[input] !== undefined && !values.includes(inputs[input] as number)),
  );
  return replacesValue ? { type: 'repeat', models, datasets, settings } : change;
}

/** "only finetune and evaluate": the plan's other steps go. */
function reducesTo(clauses: readonly Clause[], pieces: readonly Piece[], { plan }: Context): Command | undefined {
  const only = pieces.some((piece) => piece.k === 'word' && /^(only|just)$/i.test(piece.text));
  const bare = clauses.every((clause) => clause.models.length + clause.datasets.length + clause.settings.size === 0);
  const named = new Set(clauses.map(({ task }) => task));
  const planned = [...new Set(plan.map(({ task }) => task))];
  if (!only || !bare || named.size === 0 || ![...named].every((task) => planned.includes(task))) return undefined;
  const others = planned.filter((task) => !named.has(task) && !/^(load_|create_)/.test(task));
  return others.length === 0 ? undefined : { type: 'drop', tasks: others };
}

/** "drop the last step". */
function narrowing(text: string, { plan }: Context): Command | undefined {
  const last = plan.at(-1)?.task;
  const said = /\b(drop|remove|skip|delete|undo|cut|take out|without)\b.{0,12}\blast (step|one|task|node|part)\b/i.test(
    text,
  );
  return said && last !== undefined ? { type: 'drop', tasks: [last] } : undefined;
}

/** "load imdb", while the question is open which dataset, names it. */
function withoutAnswers({ clauses, loose }: Reading, { missing }: Context): readonly Clause[] {
  if (!missing.some(({ input }) => input === 'dataset_path')) return clauses;
  const answers = clauses.filter(({ task, datasets }) => task === 'load_dataset' && datasets.length === 1);
  for (const answer of answers) clauses.splice(clauses.indexOf(answer), 1);
  loose.datasets.push(...answers.flatMap(({ datasets }) => datasets));
  return clauses;
}

function stepCommands(reading: Reading, context: Context, facts: TaskFacts): Command[] {
  const { clauses } = reading;
  const extend = extendsPlan(reading, context, facts);
  if (!extend) return [{ type: 'run', extend: false, steps: clauses.map((clause) => toStep(clause, facts)) }];
  const commands: Command[] = [];
  const added: Clause[] = [];
  for (const clause of clauses) {
    if (changesPlan(clause, reading, context)) commands.push(toChange(clause, reading));
    else added.push(clause);
  }
  if (added.length > 0)
    commands.push({ type: 'run', extend: true, steps: added.map((clause) => toStep(clause, facts)) });
  const loose = looseChange(reading, context);
  // Names that answer the open question come along with a further step: "on squad, and quantize it too".
  if (loose !== undefined && context.missing.length > 0) commands.unshift(loose);
  return commands;
}

/** Whether steps go on from the last plan: they lean on it ("it", "also", "then") and start nothing of their own. */
function extendsPlan({ clauses, cues }: Reading, context: Context, facts: TaskFacts): boolean {
  if (context.plan.length === 0) return false;
  const first = clauses[0];
  if (first === undefined) return true;
  const leans = [
    'then_first',
    'also',
    'instead',
    'correct',
    'again',
    'change',
    'it',
    'base',
    'both',
    'each',
    'them',
    'same',
  ].some((cue) => cues.has(cue));
  const plan = new Set(context.plan.map(({ task }) => task));
  const answers = context.missing.length > 0 && plan.has(first.task);
  const other = clauses.every(({ task }) => !plan.has(task));
  const goesOn = ['also', 'it', 'then_first'].some((cue) => cues.has(cue));
  if (other && first.models.length > 0 && !goesOn) return false;
  const startsAnew = clauses.some((clause) => clause.models.length > 0 || clause.task === 'train') && !answers;
  if (startsAnew && cues.has('then_first')) return true;
  if (startsAnew) return leans && !(clauses.length > 1 && first.models.length > 0 && first.datasets.length > 0);
  const bare = clauses.every(({ task }) => !facts.takesModel(task) && !leansOn(task));
  if (bare && !leans && !cues.has('use')) return false;
  return true;
}

/** An environment, an adapter or a config may be meant for the plan; a dataset to load is its own wish. */
function leansOn(task: string): boolean {
  return /^(create_env|load_lora|load_config)$/.test(task);
}

/** "quantize to 4 bits instead": a step that the plan has, told other values; "also" and "again" add one. */
function changesPlan(clause: Clause, { cues }: Reading, context: Context): boolean {
  if (!context.plan.some(({ task }) => task === clause.task)) return false;
  if (clause.task === 'load_dataset' || clause.cues.has('again') || clause.from.length > 0) return false;
  if (cues.has('also')) return false;
  const corrects = cues.has('instead') || cues.has('correct') || cues.has('change');
  if (corrects || context.missing.length > 0) return true;
  const values = clause.settings.size > 0 || clause.datasets.some(({ name }) => name === null);
  return values && clause.models.length === 0 && clause.datasets.every(({ name }) => name === null);
}

function toChange(clause: Clause, { rejected }: Reading): CommandOf<'set'> {
  return {
    type: 'set',
    task: clause.task,
    models: clause.models,
    datasets: wishesOf(clause),
    settings: settingsOf(clause.settings),
    instead_of: rejected[0]?.said ?? null,
  };
}

function toStep(clause: Clause, facts: TaskFacts): StepWish {
  return {
    task: clause.task,
    models: facts.takesModel(clause.task) ? clause.models : [],
    model_from: facts.takesModel(clause.task) ? clause.from : clause.from.filter((from) => from === 'beside'),
    datasets: wishesOf(clause),
    settings: settingsOf(clause.settings),
  };
}

/** Names and values without a step: an answer, or a change of the plan. */
function looseChange(
  { loose, rejected, unknown, cues, paths, amounts }: Reading,
  context: Context,
): CommandOf<'set'> | undefined {
  if (context.plan.length === 0) return undefined;
  const { models, datasets, ...placed } = withPaths(loose, paths, context);
  if (loose.waiting.size > 0) datasets.push({ name: null, settings: settingsOf(loose.waiting) });
  const settings = [...settingsOf(loose.settings), ...placed.settings, ...correctedNumber(amounts, cues, context)];
  if (models.length + datasets.length + settings.length === 0) {
    const answer = bareAnswer(unknown.length > 0 ? unknown : amounts.map(String), context);
    if (answer === undefined) return undefined;
    return { type: 'set', task: null, settings: [], instead_of: null, ...answer };
  }
  const steered = ['use', 'instead', 'correct', 'change', 'also', 'on', 'with', 'for', 'base'].some((cue) =>
    cues.has(cue),
  );
  if (unknown.length > (steered ? 4 : 1) && context.missing.length === 0) return undefined;
  return { type: 'set', task: null, models, datasets, settings, instead_of: rejected[0]?.said ?? null };
}

/** A path alone is what the question asks for; with none open it is data. */
function withPaths(loose: Clause, paths: readonly string[], { missing }: Context) {
  const models = [...loose.models];
  const datasets = wishesOf(loose);
  const settings: { input: string; values: string[] }[] = [];
  const inputs = new Set(missing.map(({ input }) => input));
  for (const path of paths) {
    const other = [...inputs].find(
      (input) => input !== 'model_name' && input !== 'dataset_path' && input.endsWith('_path'),
    );
    if (other !== undefined) settings.push({ input: other, values: [path] });
    else if (inputs.has('model_name') && !inputs.has('dataset_path')) models.push(path);
    else datasets.push({ name: path, settings: [] });
  }
  return { models, datasets, settings };
}

/** "sorry, I meant 4": the one number of the plan, or the one that was said last. */
function correctedNumber(amounts: readonly number[], cues: ReadonlySet<string>, { plan, history }: Context) {
  const [amount, second] = amounts;
  if (amount === undefined || second !== undefined) return [];
  if (!['correct', 'change', 'use', 'instead'].some((cue) => cues.has(cue))) return [];
  const numbers = plan.flatMap(({ inputs }) => Object.entries(inputs).filter(([, value]) => typeof value === 'number'));
  const said = numbers.filter(([, value]) => history.at(-1)?.includes(String(value)));
  const inputs = [...new Set((said.length > 0 ? said : numbers).map(([input]) => input))];
  return inputs.length === 1 && inputs[0] !== undefined ? [{ input: inputs[0], values: [amount] }] : [];
}

/** A name nobody knows, given as the answer to the open question, goes on as it was written. */
function bareAnswer(unknown: readonly string[], { missing }: Context) {
  const [said, second] = unknown;
  if (said === undefined || second !== undefined) return undefined;
  const inputs = new Set(missing.map(({ input }) => input));
  if (inputs.size !== 1) return undefined;
  const input = [...inputs][0] ?? '';
  if (input === 'model_name') return { models: [said], datasets: [] };
  if (input === 'dataset_path') return { models: [], datasets: [{ name: said, settings: [] }] };
  return undefined;
}

function talkFor({ loose, unknown, cues }: Reading, pieces: readonly Piece[], context: Context): CommandOf<'talk'> {
  const named = loose.models.length + loose.datasets.length > 0;
  if (pieces.length === 0) return { type: 'talk', topic: 'unclear', text: '' };
  if (named && unknown.length === 0) return { type: 'talk', topic: 'unclear', text: 'name' };
  if (cues.has('load')) return { type: 'talk', topic: 'unclear', text: '' };
  return {
    type: 'talk',
    topic: unknown.length > 0 && context.missing.length === 0 ? 'out_of_scope' : 'unclear',
    text: '',
  };
}
