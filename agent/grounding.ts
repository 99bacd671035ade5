/** Holds what a model proposes against what was said. */
import type { Catalogue } from '../src/core/task.ts';
import type { NameKind, Names } from './aliases.ts';
import type { Command, DatasetWish, Setting, StepWish } from './commands.ts';
import { readItems } from './engines/offline/items.ts';
import { readTokens } from './engines/offline/lexer.ts';
import type { Lexicon } from './engines/offline/lexicon.ts';
import { ownWords } from './engines/offline/own-words.ts';
import { foldValues } from './engines/offline/values.ts';
import { hasEvidence } from './intent-evidence.ts';
import { nameTokens } from './words.ts';

interface Said {
  /** The message that is being read. */
  message: string;
  /** Tasks that the messages have a word for. */
  tasks: ReadonlySet<string>;
  /** What was said, as `plainWords` has it. */
  text: string;
  /** Its words, taken apart as names are. */
  tokens: ReadonlySet<string>;
  names: Record<NameKind, { said: string; settled: string | undefined; options: readonly string[] }[]>;
  values: ReadonlySet<string>;
}

/** What this message says, and what the conversation does: a message that names something means that. */
interface Saying {
  now: Said;
  ever: Said;
}

export interface GroundingWorld {
  catalogue: Catalogue;
  names: Names;
  lexicon: Lexicon;
}

/**
 * Takes out of a model's proposal what nobody said: names and values that stand neither in the user's
 * messages nor in the plan. A name that is more exact than what was said falls back to the user's words.
 */
export function groundCommands(
  commands: readonly Command[],
  messages: readonly string[],
  planned: readonly unknown[],
  world: GroundingWorld,
): { commands: Command[]; warnings: string[] } {
  const own = messages.map(ownWords);
  const said = { now: readSaid(own.slice(-1), planned, world), ever: readSaid(own, planned, world) };
  const invented: string[] = [];
  const grounded = commands.flatMap((command) => groundCommand(command, said, world, invented));
  return { commands: grounded, warnings: warningOf([...new Set(invented)]) };
}

const mostNamed = 5;

function warningOf(invented: readonly string[]): string[] {
  if (invented.length === 0) return [];
  const more = invented.length > mostNamed ? ` and ${invented.length - mostNamed} more` : '';
  return [`The model proposed what nobody said; I left it out: ${invented.slice(0, mostNamed).join(', ')}${more}.`];
}

function readSaid(messages: readonly string[], planned: readonly unknown[], { names, lexicon }: GroundingWorld): Said {
  const read = messages.map((message) => readItems(readTokens(message), names, lexicon));
  const items = read.flat();
  const named = (kind: NameKind) =>
    items.flatMap((item) => (item.k === 'name' && item.kind === kind ? [item.said] : []));
  const numbers = items.flatMap((item) => (item.k === 'amount' || item.k === 'number' ? [item.value] : []));
  const folded = read
    .flatMap(foldValues)
    .flatMap((piece) => (piece.k === 'value' ? piece.values : piece.k === 'amount' ? [piece.value] : []));
  return {
    message: messages.at(-1) ?? '',
    tasks: new Set(items.flatMap((item) => (item.k === 'task' ? [item.task] : []))),
    text: plainWords(`${messages.join(' . ')} . ${planned.map(String).join(' . ')}`),
    tokens: new Set(nameTokens(messages.join(' '))),
    names: {
      model: named('model').map((said) => readName('model', said, names)),
      dataset: named('dataset').map((said) => readName('dataset', said, names)),
    },
    values: new Set([...numbers, ...folded, ...planned].map(String)),
  };
}

function readName(kind: NameKind, said: string, names: Names): Said['names'][NameKind][number] {
  const resolved = names.resolve(kind, said);
  const settled = resolved.kind === 'known' || resolved.kind === 'literal' ? resolved.name : undefined;
  return { said, settled, options: resolved.kind === 'ambiguous' ? resolved.options : [] };
}

/** The command with what was said alone; nothing of one that has an effect and that no word speaks of. */
function groundCommand(command: Command, said: Saying, world: GroundingWorld, invented: string[]): Command[] {
  switch (command.type) {
    case 'run': {
      const steps = command.steps
        .map((step): StepWish => ({ ...step, ...groundParts(step, said, world, invented) }))
        .filter((step) => isProven(step.task, said.ever) || !servesAlone(step, world));
      const unproven = steps.flatMap(({ task }) => (isProven(task, said.ever) ? [] : [task]));
      if (steps.length === 0) return [];
      return [{ ...command, steps, ...(unproven.length > 0 && { unproven: [...new Set(unproven)] }) }];
    }
    case 'set':
    case 'repeat':
      return [{ ...command, ...groundParts(command, said, world, invented) }];
    case 'retry': {
      const id = command.id !== null && isSaid(command.id, said.ever) ? command.id : null;
      const settings = groundSettings(command.settings, said.now, world, invented);
      return proven(command.type, { ...command, id, settings }, said.now, invented);
    }
    case 'action':
      return proven(
        command.name,
        { ...command, args: groundArgs(command.args, said.ever, invented) },
        said.now,
        invented,
      );
    case 'drop':
    case 'approve':
    case 'forget':
      return proven(command.type, command, said.now, invented);
    default:
      return [command];
  }
}

/** Small words for a task, beside those that name it. */
const taskHints: Record<string, RegExp> = {
  load_dataset: /\bdata|\brows?\b|\bsamples?\b/i,
  create_env: /\benv|sandbox|packages?\b|requirements?\b/i,
  load_lora: /\blora|adapter/i,
  load_config: /\bconfig|settings|\.ya?ml\b/i,
  ptq: /\bbits?\b|\bint\d|quanti/i,
  qat: /\bqat\b|quanti[sz]ation.aware/i,
  evaluate: /\bscores?\b|\bmetrics?\b|\baccura|\bperplexity|how (?:good|well)|\beval/i,
};

/** A step that only serves others, and of which nothing that was said is left. */
function servesAlone({ task, datasets, settings }: StepWish, { catalogue }: GroundingWorld): boolean {
  return catalogue.get(task)?.type === 'MICROSERVICE' && datasets.length + settings.length === 0;
}

function isProven(task: string, { tasks, message }: Said): boolean {
  return tasks.has(task) || taskHints[task]?.test(message) === true;
}

function proven(of: string, command: Command, { message }: Said, invented: string[]): Command[] {
  if (hasEvidence(of, message)) return [command];
  invented.push(`to ${of.replaceAll('_', ' ')}`);
  return [];
}

type Args = (Command & { type: 'action' })['args'];

/** Ids and paths are the user's own; names of tasks and types are the catalogue's. */
function groundArgs(args: Args, said: Said, invented: string[]): Args {
  const kept = Object.entries(args).flatMap(([name, value]): [string, Args[string]][] => {
    if (name === 'task_name' || name === 'filter_type') return [[name, value]];
    const values = [value].flat();
    const own = values.filter((one) => typeof one === 'string' && isSaid(one, said));
    for (const other of values.filter((one) => !own.includes(one))) invented.push(`${name} = ${String(other)}`);
    if (own.length === 0) return [];
    return [[name, Array.isArray(value) ? own : (own[0] as Args[string])]];
  });
  return Object.fromEntries(kept);
}

interface Parts {
  models: string[];
  datasets: DatasetWish[];
  settings: Setting[];
}

function groundParts(
  { models, datasets, settings }: Parts,
  said: Saying,
  world: GroundingWorld,
  invented: string[],
): Parts {
  return {
    models: models.flatMap((name) => groundName('model', name, said, world, invented)),
    datasets: datasets.flatMap((wish): DatasetWish[] => {
      const kept = groundSettings(wish.settings, said.now, world, invented);
      const [name] = wish.name === null ? [] : groundName('dataset', wish.name, said, world, invented);
      return name === undefined && kept.length === 0 ? [] : [{ name: name ?? null, settings: kept }];
    }),
    settings: groundSettings(settings, said.now, world, invented),
  };
}

function groundName(
  kind: NameKind,
  proposed: string,
  { now, ever }: Saying,
  { names }: GroundingWorld,
  invented: string[],
): string[] {
  const said = now.names[kind].length > 0 ? now : ever;
  const resolved = names.resolve(kind, proposed);
  const name = resolved.kind === 'known' || resolved.kind === 'literal' ? resolved.name : undefined;
  if (name !== undefined && said.names[kind].some(({ settled }) => settled === name)) return [proposed];
  // "tiny", in answer to which llama is meant, spells the name out together with what was asked.
  const tail = name?.replace(/^\w+:/, '').replace(/^.*\//, '');
  if (tail !== undefined && nameTokens(tail).every((part) => said.tokens.has(part))) return [proposed];
  const vaguer = said.names[kind].find(({ options }) => name !== undefined && options.includes(name));
  const written = plainWords(proposed.replace(/^(?:huggingface|builtin):/i, ''));
  const literal = written.trim().length > 1 && said.text.includes(written);
  if (literal && (vaguer === undefined || proposed.toLowerCase() === vaguer.said.toLowerCase())) return [proposed];
  if (vaguer !== undefined) return [vaguer.said];
  // "7b" may narrow what the open question offers; a name that nobody wrote is dropped.
  invented.push(`the ${kind} "${proposed}"`);
  return [];
}

function groundSettings(
  settings: readonly Setting[],
  said: Said,
  { catalogue }: GroundingWorld,
  invented: string[],
): Setting[] {
  return settings.flatMap(({ input, values }) => {
    const kept = values.filter((value) => isSaid(value, said) && !isWordForNumber(value, input, catalogue));
    for (const value of values.filter((other) => !kept.includes(other))) invented.push(`${input} = ${String(value)}`);
    return kept.length === 0 ? [] : [{ input, values: kept }];
  });
}

/** "quantize" as a number of epochs: a value out of its range is the user's to hear of, a word is the model's slip. */
function isWordForNumber(value: unknown, input: string, catalogue: Catalogue): boolean {
  if (typeof value !== 'string' || !Number.isNaN(Number(value))) return false;
  const field = [...catalogue.values()].map(({ inputFields }) => inputFields.get(input)).find(Boolean);
  return field?.jsonTypes.every((type) => type === 'number' || type === 'integer') ?? false;
}

function isSaid(value: string | number | boolean, { text, values }: Said): boolean {
  if (values.has(String(value)) || values.has(String(Number(value)))) return true;
  return typeof value === 'string' && !/^[\d.e+-]+$/i.test(value) && text.includes(plainWords(value));
}

/** Whole words between single spaces: a value that is a piece of another word was not said. */
function plainWords(text: string): string {
  return ` ${
    text
      .toLowerCase()
      .match(/[\p{L}\p{N}/:]+/gu)
      ?.join(' ') ?? ''
  } `;
}
