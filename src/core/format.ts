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

/** `75` → `1 min 15 s`, `4000` → `1 h 7 min`, `300000` → `3 d 11 h`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** As exact as a guess is: `40 s`, `7 min`, `3.5 h`, `12 d`. */
export function formatAbout(seconds: number): string {
  if (seconds < 118) return `${seconds < 10 ? Math.max(1, Math.round(seconds)) : 5 * Math.round(seconds / 5)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Number((seconds / 3600).toFixed(seconds < 36_000 ? 1 : 0))} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** Memory or disk space: `812 MB`, `1.2 GB`, `27 GB`. */
export function formatMib(mib: number): string {
  const megabytes = (mib * 2 ** 20) / 1e6;
  if (megabytes < 999.5) return `${Math.round(megabytes)} MB`;
  return `${(megabytes / 1000).toFixed(megabytes < 9950 ? 1 : 0)} GB`;
}
