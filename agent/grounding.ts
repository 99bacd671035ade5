/** Holds what a model proposes against what was said. */
import type { NameKind, Names } from './aliases.ts';
import type { Command, DatasetWish, Setting, StepWish } from './commands.ts';
import { readItems } from './engines/offline/items.ts';
import { readTokens } from './engines/offline/lexer.ts';
import type { Lexicon } from './engines/offline/lexicon.ts';
import { foldValues } from './engines/offline/values.ts';
import { compact, nameTokens } from './words.ts';

interface Said {
  /** Everything that was said, compacted. */
  text: string;
  /** Its words, taken apart as names are. */
  tokens: ReadonlySet<string>;
  names: Record<NameKind, { said: string; settled: string | undefined; options: readonly string[] }[]>;
  values: ReadonlySet<string>;
}

export interface GroundingWorld {
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
  const said = readSaid(messages, planned, world);
  const invented: string[] = [];
  const grounded = commands.map((command) => groundCommand(command, said, world, invented));
  const warnings = [...new Set(invented)].map(
    (what) => `The model proposed ${what}, which nobody said; I left it out.`,
  );
  return { commands: grounded, warnings };
}

function readSaid(messages: readonly string[], planned: readonly unknown[], { names, lexicon }: GroundingWorld): Said {
  const items = messages.flatMap((message) => readItems(readTokens(message), names, lexicon));
  const named = (kind: NameKind) =>
    items.flatMap((item) => (item.k === 'name' && item.kind === kind ? [item.said] : []));
  const numbers = items.flatMap((item) => (item.k === 'amount' || item.k === 'number' ? [item.value] : []));
  const folded = messages
    .flatMap((message) => foldValues(readItems(readTokens(message), names, lexicon)))
    .flatMap((piece) => (piece.k === 'value' ? piece.values : piece.k === 'amount' ? [piece.value] : []));
  return {
    text: compact(`${messages.join(' ')} ${planned.map(String).join(' ')}`.replaceAll('==', '')),
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

function groundCommand(command: Command, said: Said, world: GroundingWorld, invented: string[]): Command {
  switch (command.type) {
    case 'run':
      return {
        ...command,
        steps: command.steps.map((step): StepWish => ({ ...step, ...groundParts(step, said, world, invented) })),
      };
    case 'set':
    case 'repeat':
      return { ...command, ...groundParts(command, said, world, invented) };
    default:
      return command;
  }
}

interface Parts {
  models: string[];
  datasets: DatasetWish[];
  settings: Setting[];
}

function groundParts(
  { models, datasets, settings }: Parts,
  said: Said,
  world: GroundingWorld,
  invented: string[],
): Parts {
  return {
    models: models.flatMap((name) => groundName('model', name, said, world, invented)),
    datasets: datasets.flatMap((wish): DatasetWish[] => {
      const kept = groundSettings(wish.settings, said, invented);
      const [name] = wish.name === null ? [] : groundName('dataset', wish.name, said, world, invented);
      return name === undefined && kept.length === 0 ? [] : [{ name: name ?? null, settings: kept }];
    }),
    settings: groundSettings(settings, said, invented),
  };
}

function groundName(
  kind: NameKind,
  proposed: string,
  said: Said,
  { names }: GroundingWorld,
  invented: string[],
): string[] {
  const resolved = names.resolve(kind, proposed);
  const name = resolved.kind === 'known' || resolved.kind === 'literal' ? resolved.name : undefined;
  if (name !== undefined && said.names[kind].some(({ settled }) => settled === name)) return [proposed];
  // "tiny", in answer to which llama is meant, spells the name out together with what was asked.
  const tail = name?.replace(/^\w+:/, '').replace(/^.*\//, '');
  if (tail !== undefined && nameTokens(tail).every((part) => said.tokens.has(part))) return [proposed];
  const vaguer = said.names[kind].find(({ options }) => name !== undefined && options.includes(name));
  const written = compact(proposed.replace(/^(?:huggingface|builtin):/i, ''));
  const literal = written.length > 1 && said.text.includes(written);
  if (literal && (vaguer === undefined || proposed.toLowerCase() === vaguer.said.toLowerCase())) return [proposed];
  if (vaguer !== undefined) return [vaguer.said];
  // "7b" may narrow what the open question offers; a name that nobody wrote is dropped.
  invented.push(`the ${kind} "${proposed}"`);
  return [];
}

function groundSettings(settings: readonly Setting[], said: Said, invented: string[]): Setting[] {
  return settings.flatMap(({ input, values }) => {
    const kept = values.filter((value) => isSaid(value, said));
    for (const value of values.filter((other) => !kept.includes(other))) invented.push(`${input} = ${String(value)}`);
    return kept.length === 0 ? [] : [{ input, values: kept }];
  });
}

function isSaid(value: string | number | boolean, { text, values }: Said): boolean {
  if (values.has(String(value)) || values.has(String(Number(value)))) return true;
  return typeof value === 'string' && !/^[\d.e+-]+$/i.test(value) && text.includes(compact(value.replace('==', '')));
}
