/** Numbers and the inputs they belong to, brought together. */
import { withAmounts } from './amounts.ts';
import type { Item, ItemOf } from './items.ts';
import { fieldsBefore, ownerOf, type Row, rowAt } from './number-owners.ts';

/** Values of one input, as they were said together: "8 and 4 bit". */
export interface ValuePiece {
  k: 'value';
  field: string;
  values: (string | number)[];
  /** The word itself, where it is one: bitsandbytes is a method, and a package. */
  text?: string;
}

/** What is left to be read as grammar once numbers and inputs have found each other. */
export type Piece =
  | ItemOf<'task' | 'word' | 'noun' | 'name' | 'path' | 'hub' | 'id' | 'requirement' | 'mark' | 'unknown' | 'amount'>
  | ValuePiece;

const glue = new Set(['on', 'is', 'to', 'of', 'a', 'the', 'for', 'with', 'use', 'filler', 'change', 'it', 'correct']);
/** Inputs whose value is a word: "split=train", "method foo". */
const wordValued = new Set(['split', 'method', 'architecture', 'python_version']);

/** Brings numbers and the inputs they belong to together: "3 epochs", "lr of 2e-4", "rank 8, 16 and 32". */
export function foldValues(written: readonly Item[]): Piece[] {
  const fold: Fold = { items: withAmounts(written), at: 0, pieces: [], pending: undefined };
  for (; fold.at < fold.items.length; fold.at++) foldItem(fold, fold.items[fold.at] as Item);
  return bindLonely(fold);
}

/** "more epochs, say 10": one input and one number in the whole message belong together. */
function bindLonely({ pieces, items }: Fold): Piece[] {
  const fields = new Set(items.flatMap((item) => (item.k === 'field' ? [item.field] : [])));
  const amounts = pieces.filter((piece) => piece.k === 'amount');
  const [field] = fields;
  const placed = pieces.some((piece) => piece.k === 'value' && piece.field === field);
  if (field === undefined || fields.size > 1 || amounts.length !== 1 || placed) return pieces;
  return pieces.map((piece) =>
    piece.k === 'amount' ? { k: 'value', field, values: [amountFor(field, piece)] } : piece,
  );
}

interface Fold {
  items: readonly Item[];
  at: number;
  pieces: Piece[];
  /** An input that was named and waits for its value. */
  pending: string | undefined;
}

function foldItem(fold: Fold, item: Item): void {
  switch (item.k) {
    case 'setting':
      fold.pieces.push({ k: 'value', field: item.field, values: [item.value], text: item.text });
      fold.pending = undefined;
      return;
    case 'field':
      fold.pending = belongsToLast(fold, item) || isNamedBefore(fold, item) ? undefined : item.field;
      return;
    case 'amount':
      return foldAmount(fold, item);
    case 'number':
      return;
    case 'task':
      if (isTrainSplit(fold.items, fold.at))
        return foldItem(fold, { ...item, k: 'setting', field: 'split', value: 'train' });
      return foldOther(fold, item);
    default:
      return foldOther(fold, item);
  }
}

/** "the train and the test split", "on imdb train": a part of the data, and no step. */
function isTrainSplit(items: readonly Item[], at: number): boolean {
  const [before, item, next] = [items[at - 1], items[at], items[at + 1]];
  if (item?.k !== 'task' || item.task !== 'train' || item.form !== 'verb') return false;
  const joins = next?.k === 'word' && (next.w === 'and' || next.w === 'or');
  const closes = next === undefined || next.k === 'mark' || joins || (next.k === 'word' && next.w === 'then');
  if (before?.k === 'name' && before.kind === 'dataset' && closes) return true;
  const other = items.slice(at + 2).find((one) => !(one.k === 'word' && one.w === 'the'));
  return joins && other?.k === 'setting' && other.field === 'split';
}

/** "of 512 tokens": the unit behind a value that already has its input. */
function belongsToLast({ items, at, pieces }: Fold, { field, unit }: ItemOf<'field'>): boolean {
  const last = pieces.at(-1);
  if (last?.k !== 'value' || items[at - 1]?.k !== 'amount') return false;
  return last.field === field || (unit && items[at + 1]?.k !== 'amount');
}

/** "the mistral architecture": the name before it is the value, and nothing behind it. */
function isNamedBefore({ pieces }: Fold, { field }: ItemOf<'field'>): boolean {
  return field === 'architecture' && pieces.at(-1)?.k === 'name';
}

function foldAmount(fold: Fold, item: ItemOf<'amount'>): void {
  const row = rowAt(fold.items, fold.at);
  const fields = fieldsBefore(fold.items, fold.at);
  if (fields.length > 1 && fields.length === row.length) return foldPairs(fold, fields, row);
  const owner = ownerOf(fold.items, row, fold.pending);
  fold.pending = undefined;
  if (owner === undefined) {
    fold.pieces.push(item);
    return;
  }
  const values = row.slice(0, owner.count).map(({ amount }) => amountFor(owner.field, amount));
  fold.pieces.push({ k: 'value', field: owner.field, values });
  fold.at = owner.end;
}

/** "rank/alpha 16/32": the first number is the first input's. */
function foldPairs(fold: Fold, fields: readonly string[], row: Row): void {
  row.forEach(({ amount, at }, index) => {
    const field = fields[index] ?? '';
    fold.pieces.push({ k: 'value', field, values: [amountFor(field, amount)] });
    fold.at = at;
  });
  fold.pending = undefined;
}

function foldOther(fold: Fold, item: Exclude<Item, ItemOf<'setting' | 'field' | 'amount' | 'number'>>): void {
  const { pending } = fold;
  const value = pending !== undefined && wordValued.has(pending) ? wordValue(item, pending) : undefined;
  if (pending !== undefined && value !== undefined) {
    fold.pieces.push({ k: 'value', field: pending, values: [value] });
    fold.pending = undefined;
    return;
  }
  if (!(item.k === 'word' && glue.has(item.w))) fold.pending = undefined;
  fold.pieces.push(item);
}

/** "a 4k context" counts in powers of two, "4k rows" does not; a version is text and not a number. */
function amountFor(field: string, { value, said }: ItemOf<'amount'>): string | number {
  if (field === 'max_seq_length' && /k$/i.test(said)) return (value / 1000) * 1024;
  if (field === 'python_version') return said;
  return value;
}

function wordValue(item: Item, field: string): string | undefined {
  if (item.k === 'task' && field === 'split') return item.task;
  if (item.k === 'word' && item.w === 'test' && field === 'split') return 'test';
  if (item.k === 'unknown' && !item.quoted) return item.text;
  if (item.k === 'name' && item.kind === 'model' && field === 'architecture') return item.said.toLowerCase();
  return undefined;
}
