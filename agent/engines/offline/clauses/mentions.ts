/** How a task is mentioned: as the manner, the result or the past of a step, or as the one that was told before. */
import type { Piece } from '../values.ts';
import type { TaskForm } from '../vocabulary/task-words.ts';
import type { Clause } from './clause.ts';
import {
  ahead,
  around,
  isDataset,
  isModel,
  isWord,
  namesModelNext,
  type Order,
  type Parse,
  peek,
  says,
  saysNear,
} from './parse.ts';

/** "an imdb-finetuned gpt2". */
export function isTrainedOn(parse: Parse): boolean {
  return isDataset(peek(parse, -1)) && isModel(peek(parse, 1));
}

/** "train gpt2 with QAT", "train gpt2 quantization-aware on alpaca": how, and no second step. */
export function isManner(parse: Parse, task: string): boolean {
  const { current } = parse;
  const trains = current?.task === 'train' || current?.task === 'finetune';
  if (task !== 'qat' || !trains || !(says(parse, -1, 'with') || isAdverb(parse))) return false;
  current.task = task;
  return true;
}

/** Within the words of the step being spoken of, with nothing between that begins another. */
function isAdverb({ pieces, at }: Parse): boolean {
  const before = pieces.slice(0, at).findLastIndex((piece) => piece.k === 'task');
  const between = pieces.slice(before + 1, at);
  return !between.some(
    (piece) => isWord(piece, 'then', 'and', 'also', 'same_model') || (piece.k === 'mark' && /[,.;]/.test(piece.text)),
  );
}

/** "the model that we trained", "the adapter I finetuned": of earlier days. */
export function isRelative(parse: Parse, form: TaskForm): boolean {
  const [before, beforeThat] = around(parse, -1, -2);
  const isTold = before?.k === 'word' && /^(i|we|you|they)$/i.test(before.text);
  return (
    form === 'done' &&
    isTold &&
    (beforeThat?.k === 'noun' || isWord(beforeThat, 'version', 'it') || isModel(beforeThat))
  );
}

/** "evaluate the finetuned model and its 4-bit quantization": what the step makes. */
export function isResultNoun(parse: Parse, task: string, form: TaskForm): boolean {
  const { current, facts } = parse;
  if (form !== 'noun' || current?.task !== 'evaluate' || !facts.quantizes(task) || parse.newSentence) return false;
  return around(parse, -1, -2).some((piece) => piece?.k === 'word' && /^(its|their)$/i.test(piece.text));
}

export function isMeantAgain(parse: Parse, known: Clause, form: TaskForm, order: Order | undefined): boolean {
  if (known.cues.delete('implied')) return true;
  if (form === 'verb' && repeatsVerb(parse, known)) return true;
  if (saysNear(parse, 'again', 'also')) return false;
  if (order !== undefined) return true;
  if (form === 'ing') return !(namesModelNext(parse) || continuesResult(parse));
  if (form !== 'verb') return says(parse, -1, 'the', 'for') || parse.newSentence;
  return false;
}

/** "I want to adapt gpt2 to squad, so finetune it for 2 epochs": one step, told on with what it lacks. */
function repeatsVerb(parse: Parse, known: Clause): boolean {
  const another = around(parse, -1, -2).some((piece) => isWord(piece, 'then', 'again'));
  if (another || !says(parse, 1, 'it') || parse.clauses.at(-1) !== known) return false;
  const behind = parse.pieces.slice(parse.at + 1);
  const end = behind.findIndex((piece) => piece.k === 'task' || isWord(piece, 'then', 'again'));
  return !(end < 0 ? behind : behind.slice(0, end)).some((piece) => hasAlready(parse, known, piece));
}

/** Whether the step has its own of what is named here. */
function hasAlready({ facts }: Parse, { task, models, datasets, settings }: Clause, piece: Piece): boolean {
  if (piece.k === 'value') return settings.has(piece.field) && facts.takes(task, piece.field);
  if (isModel(piece)) return models.length > 0;
  const isData = isDataset(piece) || piece.k === 'path' || piece.k === 'hub';
  return isData && facts.takesDataset(task) && datasets.length > 0;
}

/** "then continue finetuning the result on dolly". */
function continuesResult(parse: Parse): boolean {
  const follows = around(parse, -1, -2, -3).some((piece) => isWord(piece, 'then', 'and', 'again', 'also'));
  return (
    follows &&
    ahead(
      parse,
      2,
      (piece) => isWord(piece, 'it'),
      (piece) => isWord(piece, 'the'),
    ) !== undefined
  );
}
