/** Paths and hub names, which may be a model, a dataset, a config or an adapter. */
import { kindOfId } from '../../../plan/existing-resources.ts';
import { newClause } from './clause.ts';
import { addDataset, addModel } from './names.ts';
import { ahead, around, isNoun, isWord, type Parse, peek, says } from './parse.ts';

type Thing = 'model' | 'dataset' | 'config' | 'lora';

export function readPath(parse: Parse, text: string): void {
  const { current } = parse;
  const thing = thingAt(parse, text);
  if (current !== undefined && current.datasets.length > 0 && !isPlaced(parse)) return;
  if (thing === undefined && current === undefined && !says(parse, -1, 'on', 'with')) {
    parse.paths.push(text);
    return;
  }
  if (thing === 'lora') return addProvider(parse, 'load_lora', 'lora_path', text);
  if (thing === 'config' && current?.task !== 'load_dataset')
    return addProvider(parse, 'load_config', 'config_path', text);
  if (thing === 'model' || (thing === undefined && isObject(parse))) addModel(parse, text);
  else addDataset(parse, text);
}

/** Whether the words around say that one more is named here; what stands in markup, code or a log is no wish. */
function isPlaced(parse: Parse): boolean {
  const before = peek(parse, -1);
  if (before?.k === 'mark') return before.text === ',' || /^[.;!?]$/.test(before.text);
  return before !== undefined && before.k !== 'unknown' && before.k !== 'path' && before.k !== 'hub';
}

/** What an earlier run returned goes where a name of its kind would. */
export function readId(parse: Parse, text: string): void {
  const id = text.toLowerCase();
  switch (kindOfId(id)) {
    case 'model':
      return addModel(parse, id);
    case 'dataset':
      return addDataset(parse, id);
    case 'lora':
      return addProvider(parse, 'load_lora', 'lora_path', id);
    case 'config':
      return addProvider(parse, 'load_config', 'config_path', id);
    case 'environment':
      return addProvider(parse, 'create_env', 'requirements', id);
  }
}

/** What a path is: as the words around it say, else as its ending does, else as the step expects. */
function thingAt(parse: Parse, text: string): Thing | undefined {
  const told = toldBefore(parse) ?? toldBehind(parse);
  const written = endingOf(text);
  // "the model ./x.gguf" is a model, but "the version in data.csv" is none.
  return told === 'model' ? (written ?? told) : (told ?? expected(parse) ?? written);
}

/** "a lora adapter lying around in /mnt/x": the noun that its sentence has told before it. */
function toldBefore(parse: Parse): Thing | undefined {
  for (const offset of [-1, -2, -3, -4, -5, -6, -7]) {
    const piece = peek(parse, offset);
    if (isNoun(piece, 'lora', 'config', 'dataset')) return (piece as { n: Thing }).n;
    if (piece?.k === 'task' && piece.task.startsWith('load_')) return piece.task.slice('load_'.length) as Thing;
    if (isWord(piece, 'version')) return 'model';
    const goesOn = piece?.k === 'word' || (piece?.k === 'unknown' && !piece.quoted);
    if (!goesOn || isWord(piece, 'and', 'then', 'on', 'with', 'use')) return undefined;
  }
  return undefined;
}

/** "./adapters/warm as initial lora". */
function toldBehind(parse: Parse): Thing | undefined {
  const offset = ahead(
    parse,
    4,
    (piece) => isNoun(piece, 'lora', 'config', 'dataset'),
    (piece) => isWord(piece, 'to', 'a', 'the', 'filler'),
  );
  const piece = offset === undefined ? undefined : peek(parse, offset);
  return piece?.k === 'noun' ? (piece.n as Thing) : undefined;
}

/** What the step being spoken of still lacks. */
function expected({ current }: Parse): Thing | undefined {
  if (current?.task === 'load_lora' && !current.settings.has('lora_path')) return 'lora';
  if (current?.task === 'load_config' && !current.settings.has('config_path')) return 'config';
  return undefined;
}

function endingOf(text: string): Thing | undefined {
  if (/\.(ya?ml|toml)$/i.test(text)) return 'config';
  if (/\.(gguf|safetensors)$/i.test(text)) return 'model';
  if (/^https?:.*\/datasets\//i.test(text)) return 'dataset';
  if (/\.(jsonl?|csv|tsv|parquet|txt)(\.gz)?$/i.test(text)) return 'dataset';
  return undefined;
}

/** Right behind the verb stands the model: "finetune ./my-model", "quantize acme/base-1". */
function isObject(parse: Parse): boolean {
  const { current, facts } = parse;
  if (current === undefined || !facts.takesModel(current.task) || says(parse, -1, 'on', 'with')) return false;
  return current.models.length === 0 || (says(parse, -1, 'and') && current.datasets.length === 0);
}

/** "starting from one of my adapters": there is one, and which is to be told; "with a LoRA" is only how. */
export function readAdapter(parse: Parse): void {
  const { clauses, current, facts } = parse;
  const before = around(parse, -1, -2, -3, -4, -5);
  const end = before.findIndex((piece) => piece?.k !== 'word');
  const words = end < 0 ? before : before.slice(0, end);
  const isOwn = words.some(
    (piece) => piece?.k === 'word' && /^(my|our|existing|saved|previous|old)$/i.test(piece.text),
  );
  const isSource =
    words.some((piece) => isWord(piece, 'from')) ||
    (isOwn && words.some((piece) => isWord(piece, 'with', 'use', 'on')));
  if (!isSource || current?.task !== 'finetune' || clauses.some(({ task }) => task === 'load_lora')) return;
  if (facts.has('load_lora')) clauses.splice(clauses.indexOf(current), 0, newClause('load_lora', 'implied'));
}

/** A config or an adapter: a step of its own, before the one that it serves. */
function addProvider({ facts, current, clauses }: Parse, task: string, input: string, path: string): void {
  if (!facts.has(task)) return;
  const own = current?.task === task ? current : clauses.findLast((clause) => clause.task === task);
  if (own !== undefined && !own.settings.has(input)) {
    own.settings.set(input, [path]);
    return;
  }
  const clause = newClause(task, 'noun');
  clause.settings.set(input, [path]);
  const place = current === undefined ? -1 : clauses.indexOf(current);
  clauses.splice(place < 0 ? clauses.length : place, 0, clause);
}
