import { closest, distance } from 'fastest-levenshtein';

/** The name out of `names` that `written` was probably meant to be, or undefined where none is close. */
function nearestName(written: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const best = closest(written.toLowerCase(), names);
  const allowed = Math.max(2, Math.floor(written.length / 3));
  return distance(written.toLowerCase(), best.toLowerCase()) <= allowed ? best : undefined;
}

/** ` Did you mean "x"?` where something is close, else a list of what there is (at most eight). */
export function suggestion(written: string, names: readonly string[]): string {
  const near = nearestName(written, names);
  if (near !== undefined) return ` Did you mean "${near}"?`;
  if (names.length === 0) return '';
  const shown = names.slice(0, 8).join(', ');
  return ` There is: ${shown}${names.length > 8 ? ', …' : ''}.`;
}
