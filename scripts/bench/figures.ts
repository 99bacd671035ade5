export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

export function formatMs(milliseconds: number): string {
  if (milliseconds >= 100) return Math.round(milliseconds).toLocaleString('en');
  return milliseconds.toFixed(milliseconds >= 10 ? 1 : 2);
}

/** A target with whether the figure meets it. */
export function verdict(figure: number, limit: number, unit: string): string {
  return `${figure <= limit ? 'within' : 'OVER'} ${limit} ${unit}`;
}
