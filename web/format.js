const prefixes = ['', 'k', 'M', 'G', 'T'];

/** `7240` → `7.2k`. @param {number} value */
export function formatCount(value) {
  let scaled = value;
  let step = 0;
  while (Math.abs(scaled) >= 1000 && step < prefixes.length - 1) {
    scaled /= 1000;
    step += 1;
  }
  const digits = step === 0 || Math.abs(scaled) >= 100 ? 0 : 1;
  return `${scaled.toFixed(digits)}${prefixes[step]}`;
}

/** Steps are followed one by one, so they are written out while they are few: `412`, `12.4k`. @param {number} value */
export function formatStep(value) {
  return value < 10_000 ? String(value) : formatCount(value);
}

/** `0.04` → `under 0.1 s`, `7.3` → `7.3 s`, `75` → `1 min 15 s`, `4000` → `1 h 7 min`. @param {number} seconds */
export function formatDuration(seconds) {
  if (seconds < 0.1) return 'under 0.1 s';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** As people say it: `under a minute` is no figure, so seconds are shown to ten. @param {number} seconds */
export function formatLeft(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min left`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min left`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** `14:03`, and `22 Nov, 14:03` for another day. @param {string} time */
export function formatTime(time) {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

/** A value of a plan or a result on one line. @param {unknown} value @returns {string} */
export function formatValue(value) {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
