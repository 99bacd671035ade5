/** Figures and durations as people read them. */
const siPrefixes = ['', 'k', 'M', 'G', 'T'];

/** `7240` → `7.2k`; at most three digits that say something. */
export function formatCount(value: number): string {
  let scaled = value;
  let step = 0;
  while (Math.abs(scaled) >= 1000 && step < siPrefixes.length - 1) {
    scaled /= 1000;
    step += 1;
  }
  const digits = step === 0 || Math.abs(scaled) >= 100 ? 0 : 1;
  return `${scaled.toFixed(digits)}${siPrefixes[step]}`;
}

export function formatBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

/** `75` → `1 min 15 s`, `4000` → `1 h 7 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
