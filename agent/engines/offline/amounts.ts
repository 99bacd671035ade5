/** Numbers as they count: number words, magnitudes, and no hyphens between a number and its unit. */
import type { Item, ItemOf } from './items.ts';

const magnitudes: Record<string, number> = {
  k: 1000,
  thousand: 1000,
  m: 1e6,
  mil: 1e6,
  million: 1e6,
  '%': 0.01,
  percent: 0.01,
};

/** Number words as amounts, magnitudes multiplied out: "two thousand" and "2k" are 2000. */
export function withAmounts(written: readonly Item[]): Item[] {
  const items = spelledOut(written);
  const made: Item[] = [];
  items.forEach((item, at) => {
    const last = made.at(-1);
    const factor = last?.k === 'amount' ? magnitudeOf(item) : undefined;
    if (isOneOf(item, items[at + 1], items[at + 2])) made.push({ k: 'amount', value: 1, small: false, said: '1' });
    else if (last?.k === 'amount' && factor !== undefined) made[made.length - 1] = multiplied(last, factor, item);
    else if (item.k === 'number') made.push(numberWord(items, item, at));
    else if (!(isHyphen(item) && last?.k === 'amount')) made.push(item);
  });
  return made;
}

/** "twelve hundred", "two thousand five hundred", "thirty two": one number in several words. */
function spelledOut(items: readonly Item[]): Item[] {
  const made: Item[] = [];
  for (const item of items) {
    const last = made.at(-1);
    const joined = last?.k === 'number' && item.k === 'number' ? joinedNumber(last.value, item.value) : undefined;
    if (joined === undefined) made.push(item);
    else made[made.length - 1] = { ...(last as ItemOf<'number'>), value: joined };
  }
  return made;
}

/** As numbers are spoken: what is larger multiplies, what is smaller than the last place adds. */
function joinedNumber(first: number, second: number): number | undefined {
  if (second === 1000) return first < second ? first * second : undefined;
  if (second === 100) return first % 100 > 0 ? first + (first % 100) * 99 : undefined;
  const place = [1000, 100, 10].find((one) => first % one === 0);
  return place !== undefined && first > second && second < place ? first + second : undefined;
}

/** "an epoch", "another epoch"; but not "an epoch count of 3". */
function isOneOf(item: Item, next: Item | undefined, behind: Item | undefined): boolean {
  if (behind?.k === 'word' && /^(of|is)$/.test(behind.w)) return false;
  const counts = item.k === 'word' && (item.w === 'a' || item.text.toLowerCase() === 'another');
  return counts && next?.k === 'field' && next.field === 'num_epochs' && next.unit;
}

function isHyphen(item: Item | undefined): boolean {
  return item?.k === 'mark' && item.text === '-';
}

function magnitudeOf(item: Item): number | undefined {
  if (item.k === 'number') return item.value === 100 || item.value === 1000 ? item.value : undefined;
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
  const lead = before?.k === 'word' && /^(is|of)$/.test(before.w) ? items[at - 2] : before;
  const assigned = lead?.k === 'field' || (before?.k === 'word' && before.w === 'to');
  if (counts || (assigned && item.value !== 1))
    return { k: 'amount', value: item.value, small: false, said: String(item.value) };
  return { k: 'word', w: item.value === 1 ? 'version' : 'filler', text: item.text };
}

function roundOff(value: number): number {
  return Number(value.toPrecision(12));
}
