/** A name without regard to case, spaces, `-`, `_` and `.`. */
export function compact(text: string): string {
  return text.toLowerCase().replace(/[\s\-_.]+/g, '');
}

/** The parts of a name: `Llama-3.1-8B` → llama, 3.1, 8b. A number keeps the letters behind it. */
export function nameTokens(text: string): string[] {
  return text.toLowerCase().match(/\d+(?:\.\d+)?[a-z]*|[a-z]+/g) ?? [];
}

/** Edits between two words; swapping two neighbours counts as one. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (beforeLast[j - 2] ?? Infinity) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? a.length;
}

/** Whether `written` is `meant` with a slip of the keyboard. Digits must agree: 7b is never 13b. */
export function isTypoOf(written: string, meant: string): boolean {
  const length = Math.min(written.length, meant.length);
  const allowed = length < 4 ? 0 : length < 8 ? 1 : 2;
  if (allowed === 0 || written[0] !== meant[0] || Math.abs(written.length - meant.length) > allowed) return false;
  if (written.replace(/\D/g, '') !== meant.replace(/\D/g, '')) return false;
  // A short word may only have its letters swapped: "laod", but never "lead" for "load".
  if (length === 4 && written.length === meant.length && sorted(written) !== sorted(meant)) return false;
  return editDistance(written, meant) <= allowed;
}

function sorted(word: string): string {
  return [...word].sort().join('');
}
