import type { Item, ItemOf } from './items.ts';

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
const magnitudes: Record<string, number> = {
  k: 1000,
  thousand: 1000,
  m: 1e6,
  mil: 1e6,
  million: 1e6,
  '%': 0.01,
  percent: 0.01,
};

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
      fold.pending = belongsToLast(fold, item) ? undefined : item.field;
      return;
    case 'amount':
      return foldAmount(fold, item);
    case 'number':
      return;
    default:
      return foldOther(fold, item);
  }
}

/** "of 512 tokens": the unit behind a value that already has its input. */
function belongsToLast({ items, at, pieces }: Fold, { field, unit }: ItemOf<'field'>): boolean {
  const last = pieces.at(-1);
  if (last?.k !== 'value' || items[at - 1]?.k !== 'amount') return false;
  return last.field === field || (unit && items[at + 1]?.k !== 'amount');
}

function foldAmount(fold: Fold, item: ItemOf<'amount'>): void {
  const group = amountsFrom(fold.items, fold.at);
  const owner = ownerOf(fold.items, group, fold.pending);
  fold.pending = undefined;
  if (owner === undefined) {
    fold.pieces.push(item);
    return;
  }
  const values = group.amounts.slice(0, owner.count).map((amount) => amountFor(owner.field, amount));
  fold.pieces.push({ k: 'value', field: owner.field, values });
  fold.at = owner.end;
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

/** Number words as amounts, magnitudes multiplied out, hyphens between a number and its unit taken away. */
function withAmounts(items: readonly Item[]): Item[] {
  const made: Item[] = [];
  items.forEach((item, at) => {
    const last = made.at(-1);
    const factor = last?.k === 'amount' ? magnitudeOf(item) : undefined;
    if (item.k === 'number') made.push(numberWord(items, item, at));
    else if (last?.k === 'amount' && factor !== undefined) made[made.length - 1] = multiplied(last, factor, item);
    else if (!(isHyphen(item) && last?.k === 'amount')) made.push(item);
  });
  return made;
}

function isHyphen(item: Item | undefined): boolean {
  return item?.k === 'mark' && item.text === '-';
}

function magnitudeOf(item: Item): number | undefined {
  return item.k === 'unknown' || item.k === 'mark' ? magnitudes[item.text.toLowerCase()] : undefined;
}

function multiplied(amount: ItemOf<'amount'>, factor: number, unit: Item): Item {
  const text = 'text' in unit ? unit.text : '';
  return { ...amount, value: roundOff(amount.value * factor), said: `${amount.said}${text}` };
}

/** "three epochs" counts; "the 7b one" does not. */
function numberWord(items: readonly Item[], item: ItemOf<'number'>, at: number): Item {
  const next = items[at + 1];
  const before = items[at - 1];
  const counts = next?.k === 'field' || isHyphen(next);
  const assigned = before?.k === 'field' || (before?.k === 'word' && before.w === 'to');
  if (counts || (assigned && item.value !== 1))
    return { k: 'amount', value: item.value, small: false, said: String(item.value) };
  return { k: 'word', w: item.value === 1 ? 'version' : 'filler', text: item.text };
}

function roundOff(value: number): number {
  return Number(value.toPrecision(12));
}

interface Group {
  amounts: ItemOf<'amount'>[];
  /** Index of each amount. */
  at: number[];
}

/** Numbers in a row: "1e-4, 2e-4 and 5e-5". */
function amountsFrom(items: readonly Item[], from: number): Group {
  const group: Group = { amounts: [], at: [] };
  let at = from;
  for (;;) {
    const item = items[at];
    if (item?.k !== 'amount') break;
    group.amounts.push(item);
    group.at.push(at);
    let next = at + 1;
    while (isListMark(items[next])) next++;
    if (next === at + 1) break;
    at = next;
  }
  return group;
}

function isListMark(item: Item | undefined): boolean {
  return (
    (item?.k === 'mark' && /^[,/]$/.test(item.text)) || (item?.k === 'word' && (item.w === 'and' || item.w === 'or'))
  );
}

/** Which input a row of numbers belongs to: the one named just before, else the one right behind. */
function ownerOf(items: readonly Item[], { at }: Group, pending: string | undefined) {
  const last = at.at(-1) ?? 0;
  const behind = fieldBehind(items, last);
  if (pending !== undefined) {
    // "rank 16, 32 alpha": numbers with an input of their own behind them are not the pending one's.
    const shared = behind === undefined || behind.field === pending ? at.length : Math.max(1, at.length - 1);
    const ownUnit =
      at.length === 1 &&
      behind !== undefined &&
      behind.unit &&
      behind.field !== pending &&
      !adjacentField(items, at[0] ?? 0);
    if (ownUnit && behind) return { field: behind.field, count: 1, end: behind.at };
    const end = at[shared - 1] ?? last;
    const own = shared === at.length && behind?.field === pending ? behind.at : end;
    return { field: pending, count: shared, end: own };
  }
  return behind === undefined ? undefined : { field: behind.field, count: at.length, end: behind.at };
}

function adjacentField(items: readonly Item[], at: number): boolean {
  for (let i = at - 1; i >= 0 && i >= at - 3; i--) {
    const item = items[i];
    if (item?.k === 'field') return true;
    if (!(item?.k === 'word' && (item.w === 'is' || item.w === 'to' || item.w === 'of'))) return false;
  }
  return false;
}

function fieldBehind(items: readonly Item[], at: number) {
  for (let i = at + 1; i <= at + 2; i++) {
    const item = items[i];
    // "3 epochs", but not "batch 8, epochs 3": an input with its own number behind it owns that one.
    if (item?.k === 'field') {
      const owns = items[i + 1]?.k === 'amount' || (isGlueIs(items[i + 1]) && items[i + 2]?.k === 'amount');
      return owns && !item.unit ? undefined : { field: item.field, unit: item.unit, at: i };
    }
    if (
      !(
        item?.k === 'word' &&
        (item.text === 'as' || item.w === 'filler' || item.w === 'is' || item.w === 'of' || item.w === 'the')
      ) &&
      !(item?.k === 'task' && item.form === 'ing')
    )
      return undefined;
  }
  return undefined;
}

function isGlueIs(item: Item | undefined): boolean {
  return item?.k === 'word' && (item.w === 'is' || item.w === 'of' || item.w === 'to');
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
  if (item.k === 'name' && field === 'architecture') return item.said.toLowerCase();
  return undefined;
}
