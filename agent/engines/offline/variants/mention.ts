/** Things of the plan that a message speaks of: "the 4-bit one", "the evaluation of gpt2", "seeds 3 and 4". */
import type { Selector } from '../../../commands.ts';
import type { Scalar } from '../clauses/clause.ts';
import { isWord } from '../clauses/parse.ts';
import type { Piece } from '../values.ts';
import type { SmallWord } from '../vocabulary/small-words.ts';
import type { PlanView } from './plan-view.ts';

export interface Mention extends Selector {
  tasks: string[];
}

/** Words that may stand before and among things that are mentioned together. */
const early: SmallWord[] = ['use', 'make', 'change', 'load', 'test', 'check'];
const passed: SmallWord[] = ['the', 'a', 'filler', 'version', 'of', 'on', 'for', 'with', 'from', 'to', 'is'];
const pronouns: SmallWord[] = ['it', 'them', 'each', 'both'];

export function newMention(): Mention {
  return { tasks: [], models: [], model_from: [], datasets: [], settings: [] };
}

/** Whether it tells variants apart, and does not only name tasks. */
export function tellsApart({ models, model_from, datasets, settings }: Selector): boolean {
  return models.length + model_from.length + datasets.length + settings.length > 0;
}

/** What is mentioned from here on, and where that ends. Things that the plan does not hold end it, too. */
export function readMention(pieces: readonly Piece[], from: number, view: PlanView): { mention: Mention; end: number } {
  const mention = newMention();
  let at = from;
  let end = from;
  for (; at < pieces.length; at++) {
    const piece = pieces[at] as Piece;
    if (addThing(mention, piece, view)) end = at + 1;
    else if (!(isPassed(piece, mention) || joins(pieces, at, view))) break;
  }
  return { mention, end };
}

function isPassed(piece: Piece, mention: Mention): boolean {
  if (isWord(piece, ...passed, ...pronouns)) return true;
  const isEarly = mention.tasks.length === 0 && !tellsApart(mention);
  return isEarly ? isWord(piece, ...early) || piece.k === 'noun' : piece.k === 'unknown' && !piece.quoted;
}

/** "gpt2 and phi-2", "seeds 3, 4": a joint, where a thing of the plan follows. */
function joins(pieces: readonly Piece[], at: number, view: PlanView): boolean {
  const piece = pieces[at];
  const isJoint = isWord(piece, 'and', 'or') || (piece?.k === 'mark' && piece.text === ',');
  const next = pieces.slice(at + 1).find((other) => !isWord(other, 'the', 'a', 'filler', 'on', 'and', 'or'));
  return isJoint && next !== undefined && next.k !== 'task' && addThing(newMention(), next, view);
}

/** Notes a thing that the plan holds; false where it is none. */
export function addThing(mention: Mention, piece: Piece, view: PlanView): boolean {
  switch (piece.k) {
    case 'name':
      return addName(mention, piece.kind, piece.said, view);
    case 'path':
    case 'hub':
      return addName(mention, 'dataset', piece.text, view) || addName(mention, 'model', piece.text, view);
    case 'value':
      return addValues(mention, piece.field, piece.values, view);
    case 'amount':
      return addNumber(mention, piece.value, view);
    case 'task':
      return addTask(mention, piece.task, piece.form === 'done', view);
    case 'word':
      if (!isWord(piece, 'base', 'unquantized')) return false;
      mention.model_from.push(piece.w);
      return true;
    default:
      return false;
  }
}

function addName(mention: Mention, kind: 'model' | 'dataset', said: string, view: PlanView): boolean {
  if (!view.names(kind, said)) return false;
  mention[kind === 'model' ? 'models' : 'datasets'].push(said);
  return true;
}

function addValues(mention: Mention, input: string, values: readonly Scalar[], view: PlanView): boolean {
  if (!values.every((value) => view.valuesOf(input).includes(value))) return false;
  const known = mention.settings.find((setting) => setting.input === input);
  if (known === undefined) mention.settings.push({ input, values: [...values] });
  else known.values.push(...values);
  return true;
}

/** A number without a word for it belongs to the one input that holds it. */
function addNumber(mention: Mention, value: number, view: PlanView): boolean {
  const inputs = view.inputsWith(value);
  const told = mention.settings.at(-1)?.input;
  const varied = inputs.filter((input) => view.valuesOf(input).length > 1);
  const [input, another] = told !== undefined && inputs.includes(told) ? [told] : varied.length > 0 ? varied : inputs;
  return input !== undefined && another === undefined && addValues(mention, input, [value], view);
}

/** "the quantized one", beside a step that takes it, tells which model; else it speaks of the step. */
function addTask(mention: Mention, task: string, isResult: boolean, view: PlanView): boolean {
  if (!view.hasTask(task)) return false;
  if (isResult && mention.tasks.length > 0) mention.model_from.push(`after:${task}`);
  else mention.tasks.push(task);
  return true;
}
