/**
 * Kills the server at random instants, over and over, while it runs random pipelines of real processes; afterwards
 * a checker that shares no code with it reads what is left.
 *
 *   npm run torture -- [--rounds N] [--seed S] [--together N]
 *   npm run torture -- --seed S --only ROUND
 *
 * The same seed makes the same choices; when the system runs which process stays its own. What a round with faults
 * left is kept. Linux alone: processes are looked for in /proc.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addCounts, type Counts } from './torture/count-round.ts';
import { type RoundReport, runRound } from './torture/run-round.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    together: { type: 'string', default: '3' },
  },
});

const seed = Number(values.seed);
const numbers = Array.from({ length: Number(values.rounds) }, (_, index) => index + 1);
const rounds = values.only === undefined ? numbers : [Number(values.only)];
// Beside the project, as what a system calls its folder for temporary files is often kept in memory.
const directory = join(import.meta.dirname, '..', '.trainyard', 'torture');
const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort(new Error('Interrupted.')));

const sums: Counts = {};
let faulty = 0;

/** Takes round after round until none is left; several do so at once. */
async function runRounds(): Promise<void> {
  for (let round = rounds.shift(); round !== undefined && !interrupt.signal.aborted; round = rounds.shift()) {
    const report = await runRound({ seed, round, directory, limitMs: 90_000, signal: interrupt.signal });
    if (!interrupt.signal.aborted) show(report);
  }
}

function show({ round, seconds, counts, faults, home }: RoundReport): void {
  addCounts(sums, { rounds: 1, ...counts, faults: faults.length });
  console.log(`Round ${round}, ${seconds.toFixed(1)} s: ${describe(counts)}${faults.length > 0 ? ', FAULTS' : ''}`);
  if (faults.length === 0) return;
  faulty += 1;
  for (const fault of faults) console.log(`  ${fault}`);
  console.log(`  Left in ${home}. Again: npm run torture -- --seed ${seed} --only ${round}`);
}

function describe(counts: Counts): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

const start = performance.now();
await Promise.all(Array.from({ length: Number(values.together) }, runRounds));
console.log(`\nSeed ${seed}, ${((performance.now() - start) / 1000).toFixed(0)} s: ${describe(sums)}.`);
process.exitCode = faulty > 0 || interrupt.signal.aborted ? 1 : 0;
