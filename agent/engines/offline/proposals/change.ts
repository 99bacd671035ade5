/** Names and values without a step: an answer to the open question, or a change of the plan. */
import type { CommandOf, Setting } from '../../../commands.ts';
import type { Context } from '../../engine.ts';
import { type Cue, hasAny, type Reading, settingsOf, wishesOf } from '../clauses/clause.ts';
import type { TaskFacts } from '../task-facts.ts';
import type { Piece } from '../values.ts';
import { packageName, packagesIn } from './packages.ts';

type Change = Pick<CommandOf<'set'>, 'models' | 'datasets' | 'settings'>;

/** As it stands in a name: 7b, 1.1B, 160m. */
const sized = /\b\d+(\.\d+)?[bm]\b/i;

export function proposeChange(
  reading: Reading,
  pieces: readonly Piece[],
  context: Context,
  facts: TaskFacts,
): CommandOf<'set'> | undefined {
  if (context.plan.length === 0) return undefined;
  const { cues, loose, rejected } = reading;
  const change = combine(
    { models: loose.models, datasets: wishesOf(loose), settings: settingsOf(loose.settings) },
    placePaths(reading.paths, context),
    correctNumber(reading, context),
    resized(reading, context),
    packagesIn(pieces, reading, context),
  );
  if (isEmpty(change)) {
    const answer = answerInFull(reading, context);
    return answer && { type: 'set', task: null, ...answer, instead_of: null };
  }
  const steered = hasAny(cues, 'use', 'instead', 'correct', 'change', 'also', 'on', 'with', 'for', 'base');
  if (!steered && context.missing.length === 0 && asksSomething(pieces)) return undefined;
  const settings = grownLists(change.settings, cues, context, facts);
  return {
    type: 'set',
    task: taskOf(reading, context, facts),
    ...change,
    settings,
    instead_of: rejected[0]?.said ?? null,
  };
}

/** "is gpt2 any good?" asks about a name, and changes nothing. */
function asksSomething(pieces: readonly Piece[]): boolean {
  const [first] = pieces;
  const last = pieces.at(-1);
  const opens =
    first !== undefined && 'text' in first && /^(is|are|was|does|do|did|why|who|when)$/i.test(first.text ?? '');
  return opens && last?.k === 'mark' && last.text === '?';
}

/** Data for calibration goes to what quantizes. */
function taskOf({ cues, loose }: Reading, { plan }: Context, facts: TaskFacts): string | null {
  const isCalibration = cues.has('calibration') && loose.datasets.length > 0;
  return (isCalibration && plan.find(({ task }) => facts.quantizes(task))?.task) || null;
}

/** "add peft too": a list of the plan with more in it; of a package the newer version stays. */
function grownLists(settings: Setting[], cues: ReadonlySet<Cue>, { plan }: Context, facts: TaskFacts): Setting[] {
  return settings.map(({ input, values }) => {
    if (!facts.isList(input) || !(cues.has('also') || input === 'requirements')) return { input, values };
    const known = plan.flatMap(({ inputs }) => inputs[input] ?? []) as string[];
    const kept = known.filter((one) => !values.some((value) => packageName(String(value)) === packageName(one)));
    return { input, values: [...kept, ...values] };
  });
}

function combine(...changes: Partial<Change>[]): Change {
  return {
    models: changes.flatMap(({ models = [] }) => models),
    datasets: changes.flatMap(({ datasets = [] }) => datasets),
    settings: changes.flatMap(({ settings = [] }) => settings),
  };
}

function isEmpty({ models, datasets, settings }: Change): boolean {
  return models.length + datasets.length + settings.length === 0;
}

/** A path alone is what the question asks for; with none open it takes the place of the one most like it. */
function placePaths(paths: readonly string[], { missing, plan }: Context): Partial<Change> {
  const asked = missing.map(({ input }) => input);
  const other = asked.find((input) => input !== 'dataset_path' && input.endsWith('_path'));
  if (other !== undefined) return { settings: paths.map((path) => ({ input: other, values: [path] })) };
  if (asked.includes('model_name') && !asked.includes('dataset_path')) return { models: [...paths] };
  const input = missing.length === 0 ? pathLike(paths[0] ?? '', plan) : undefined;
  if (input === 'model_name') return { models: [...paths] };
  if (input !== undefined && input !== 'dataset_path')
    return { settings: paths.map((path) => ({ input, values: [path] })) };
  return { datasets: paths.map((path) => ({ name: path, settings: [] })) };
}

/** The input whose path of the plan lies beside this one, or at least ends as it does. */
function pathLike(path: string, plan: Context['plan']): string | undefined {
  const held = plan.flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([input, value]) => (typeof value === 'string' ? [{ input, value }] : [])),
  );
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const ending = /\.\w+$/.exec(path)?.[0];
  const beside = held.find(({ value }) => folder !== '' && value.startsWith(folder) && value.endsWith(ending ?? ''));
  return (beside ?? held.find(({ value }) => ending !== undefined && value.endsWith(ending)))?.input;
}

/** "sorry, I meant 4", "3 is too many, 2": the one number of the plan, or the one that was said last. */
function correctNumber({ amounts }: Reading, { plan, missing, history }: Context): { settings: Setting[] } {
  const numbers = plan.flatMap(({ inputs }) => Object.entries(inputs).filter(([, value]) => typeof value === 'number'));
  const isOld = (amount: number) => amounts.length > 1 && numbers.some(([, value]) => value === amount);
  const [amount, second] = amounts.filter((one) => !isOld(one));
  if (amount === undefined || second !== undefined || missing.length > 0) return { settings: [] };
  const named = numbers.filter(([, value]) => amounts.includes(value as number) && value !== amount);
  const said = numbers.filter(([, value]) => history.at(-1)?.includes(String(value)));
  const [input, another] = new Set([named, said, numbers].find((some) => some.length > 0)?.map(([name]) => name));
  return { settings: input === undefined || another !== undefined ? [] : [{ input, values: [amount] }] };
}

/** "no, the 13b", "the 3b and not the 1b": the planned model in another size. */
function resized({ unknown }: Reading, { plan }: Context): Partial<Change> {
  const planned = plan.flatMap(({ inputs }) => (typeof inputs.model_name === 'string' ? [inputs.model_name] : []));
  const [name = '', second] = new Set(planned);
  const tail = name.slice(name.lastIndexOf('/') + 1);
  const held = sized.exec(tail)?.[0].toLowerCase();
  const [size, another] = unknown.filter((word) => sized.test(word) && word.toLowerCase() !== held);
  if (size === undefined || another !== undefined || second !== undefined) return {};
  return sized.test(tail) ? { models: [tail.replace(sized, size)] } : {};
}

/** A name nobody knows, given as the answer to the open question, goes on as it was written. */
function answerInFull({ unknown, amounts }: Reading, { missing }: Context): Change | undefined {
  const [said, second] = unknown.length > 0 ? unknown : amounts.map(String);
  const [input, another] = new Set(missing.map((field) => field.input));
  if (said === undefined || second !== undefined || another !== undefined) return undefined;
  if (input === 'model_name') return { models: [said], datasets: [], settings: [] };
  if (input === 'dataset_path') return { models: [], datasets: [{ name: said, settings: [] }], settings: [] };
  return undefined;
}
