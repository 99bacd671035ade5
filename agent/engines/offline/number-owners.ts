/** Which input a row of numbers belongs to: "1e-4, 2e-4 and 5e-5", "rank 8 and 16", "3 epochs". */
import type { Item, ItemOf } from './items.ts';
import type { SmallWord } from './vocabulary/small-words.ts';

/** Numbers with the places where they stand. */
export type Row = { amount: ItemOf<'amount'>; at: number }[];

/** More numbers than this are no values of one input; it bounds the work on long messages. */
const longestRow = 32;

/** The numbers that stand here with nothing but commas, "and" or "or" between. */
export function rowAt(items: readonly Item[], from: number): Row {
  const row: Row = [];
  for (let at = from; ; ) {
    const amount = items[at];
    if (amount?.k !== 'amount' || row.length === longestRow) return row;
    row.push({ amount, at });
    const behind = at + 1;
    at = behind;
    while (joinsNumbers(items[at])) at++;
    if (at === behind) return row;
  }
}

function joinsNumbers(item: Item | undefined): boolean {
  return isWord(item, 'and', 'or') || (item?.k === 'mark' && /^[,/]$/.test(item.text));
}

/** The inputs that are named in a row right before: "rank and alpha of", "lr/batch size". */
export function fieldsBefore(items: readonly Item[], at: number): string[] {
  let end = at - 1;
  while (isWord(items[end], 'is', 'of', 'to')) end--;
  const fields: string[] = [];
  for (let place = end; ; place -= 2) {
    const item = items[place];
    // "4 heads, hidden size 128": what has its number already takes no other.
    if (item?.k !== 'field' || items[place - 1]?.k === 'amount') return fields;
    fields.unshift(item.field);
    if (!joinsNumbers(items[place - 1])) return fields;
  }
}

interface Owner {
  field: string;
  /** How many numbers of the row are its own. */
  count: number;
  /** The last item that speaks of it. */
  end: number;
}

/** The input named just before, else the one right behind. */
export function ownerOf(items: readonly Item[], row: Row, pending: string | undefined): Owner | undefined {
  const first = row[0]?.at ?? 0;
  const last = row.at(-1)?.at ?? 0;
  const behind = fieldBehind(items, last);
  if (
    pending === undefined ||
    (row.length === 1 && behind?.unit && behind.field !== pending && !isNamedAt(items, first))
  )
    return behind && { field: behind.field, count: row.length, end: behind.at };
  if (behind?.field === pending) return { field: pending, count: row.length, end: behind.at };
  // "rank 16, 32 alpha": the last number has an input of its own.
  const count = behind === undefined ? row.length : Math.max(1, row.length - 1);
  return { field: pending, count, end: row[count - 1]?.at ?? last };
}

/** Whether an input stands right before: "rank of 8". */
function isNamedAt(items: readonly Item[], at: number): boolean {
  const before = items.slice(Math.max(0, at - 3), at).findLast((item) => !isWord(item, 'is', 'to', 'of', 'on', 'each'));
  return before?.k === 'field';
}

/** The input whose unit or name follows: "3 epochs", "16 as the rank". */
function fieldBehind(items: readonly Item[], at: number): { field: string; unit: boolean; at: number } | undefined {
  const reach = isFiller(items[at + 1]) ? at + 2 : at + 1;
  const found = items[reach];
  if (found?.k !== 'field') return undefined;
  // "3 epochs", but not "batch 8, epochs 3": an input with its own number behind it owns that one.
  const next = isWord(items[reach + 1], 'is', 'of', 'to') ? items[reach + 2] : items[reach + 1];
  if (next?.k === 'amount' && !found.unit) return undefined;
  return { field: found.field, unit: found.unit, at: reach };
}

/** What may stand between a number and its unit: "3 full epochs", "500 training steps", "128 calibration samples". */
function isFiller(item: Item | undefined): boolean {
  if (item?.k === 'task') return item.form === 'ing';
  if (item?.k === 'noun') return item.n === 'calibration';
  return isWord(item, 'filler', 'is', 'of', 'the') || (item?.k === 'word' && item.text === 'as');
}

function isWord(item: Item | undefined, ...words: SmallWord[]): boolean {
  return item?.k === 'word' && words.includes(item.w);
}
