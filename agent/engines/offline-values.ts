import type { Item, ItemOf } from './offline-items.ts';

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

const glue = new Set(['is', 'to', 'of', 'a', 'the', 'for', 'with', 'use', 'filler', 'change', 'it', 'correct']);
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
  const items = withAmounts(written);
  const pieces: Piece[] = [];
  let pending: string | undefined;
  for (let at = 0; at < items.length; at++) {
    const item = items[at] as Item;
    if (item.k === 'setting') {
      pieces.push({ k: 'value', field: item.field, values: [item.value], text: item.text });
      pending = undefined;
    } else if (item.k === 'field') {
      const last = pieces.at(-1);
      // "of 512 tokens": the unit behind a value that already has its input.
      const repeats = last?.k === 'value' && items[at - 1]?.k === 'amount' && (last.field === item.field || item.unit);
      const startsNext = items[at + 1]?.k === 'amount' && !(last?.k === 'value' && last.field === item.field);
      pending = repeats && !startsNext ? undefined : item.field;
    } else if (item.k === 'amount') {
      const group = amountsFrom(items, at);
      const owner = ownerOf(items, group, pending);
      if (owner === undefined) {
        pieces.push(item);
      } else {
        pieces.push({
          k: 'value',
          field: owner.field,
          values: group.amounts.slice(0, owner.count).map((amount) => amountFor(owner.field, amount)),
        });
        at = owner.end;
      }
      pending = undefined;
    } else if (item.k !== 'number') {
      const value = pending !== undefined && wordValued.has(pending) ? wordValue(item, pending) : undefined;
      if (value !== undefined && pending !== undefined) {
        pieces.push({ k: 'value', field: pending, values: [value] });
        pending = undefined;
        continue;
      }
      if (!(item.k === 'word' && glue.has(item.w))) pending = undefined;
      pieces.push(item);
    }
  }
  return pieces;
}

/** Number words as amounts, magnitudes multiplied out, hyphens between a number and its unit taken away. */
function withAmounts(items: readonly Item[]): Item[] {
  const made: Item[] = [];
  for (let at = 0; at < items.length; at++) {
    const item = items[at] as Item;
    const last = made.at(-1);
    const next = items[at + 1];
    if (item.k === 'number') {
      const counts = next?.k === 'field' || (next?.k === 'mark' && next.text === '-');
      const after =
        items[at - 1]?.k === 'field' || (items[at - 1]?.k === 'word' && (items[at - 1] as ItemOf<'word'>).w === 'to');
      if (counts || (after && item.value !== 1))
        made.push({ k: 'amount', value: item.value, small: false, said: String(item.value) });
      else made.push({ k: 'word', w: item.value === 1 ? 'version' : 'filler', text: item.text });
    } else if (item.k === 'unknown' && last?.k === 'amount' && magnitudes[item.text.toLowerCase()] !== undefined) {
      const factor = magnitudes[item.text.toLowerCase()] ?? 1;
      made[made.length - 1] = { ...last, value: roundOff(last.value * factor), said: `${last.said}${item.text}` };
    } else if (item.k === 'mark' && item.text === '%' && last?.k === 'amount') {
      made[made.length - 1] = { ...last, value: roundOff(last.value / 100), said: `${last.said}%` };
    } else if (!(item.k === 'mark' && item.text === '-' && last?.k === 'amount')) {
      made.push(item);
    }
  }
  return made;
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
      !(item?.k === 'word' && (item.w === 'filler' || item.w === 'is' || item.w === 'of' || item.w === 'the')) &&
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
