import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEvidence } from './checker/evidence.ts';
import { findFaults } from './checker/find-faults.ts';
import { type Counts, countRound } from './count-round.ts';
import { ledgerFile } from './ledger.ts';
import { planRound } from './plan-round.ts';
import { playRound } from './play-round.ts';
import { endProcessesOf } from './processes.ts';
import { serverLog } from './server-process.ts';
import { createWitness } from './witness.ts';

export interface RoundReport {
  round: number;
  seconds: number;
  counts: Counts;
  faults: string[];
  /** What the round left, kept where it has faults. */
  home: string;
}

export interface RunOptions {
  seed: number;
  round: number;
  /** Folder for the round's home. */
  directory: string;
  /** Longer than this no round may take. */
  limitMs: number;
  signal: AbortSignal;
}

/** Plays a round and has it checked. No process of it is left in any case. */
export async function runRound({ seed, round, directory, limitMs, signal }: RunOptions): Promise<RoundReport> {
  const start = performance.now();
  const home = join(directory, `seed-${seed}-round-${round}`);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  writeFileSync(ledgerFile(home), '');
  const plan = planRound(seed, round);
  const witness = createWitness(plan.submissions.map(({ key }) => key));
  const limit = AbortSignal.timeout(limitMs);
  const faults: string[] = [];
  let counts: Counts = {};
  try {
    await playRound({ home, plan, witness, signal: AbortSignal.any([signal, limit]) }).catch((error: unknown) =>
      faults.push(limit.aborted ? `The round was not over after ${limitMs / 1000} s.` : String(error)),
    );
    const evidence = readEvidence(home, witness);
    faults.push(...findFaults(evidence));
    counts = countRound(evidence);
  } catch (error) {
    faults.push(`What is left cannot be read: ${error}; ${readFileSync(serverLog(home), 'utf8')}`);
  } finally {
    endProcessesOf(home);
  }
  if (faults.length === 0) rmSync(home, { recursive: true, force: true });
  return { round, seconds: (performance.now() - start) / 1000, counts, faults, home };
}
