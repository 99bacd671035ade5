// A heavy task of the torture: does in its attempt folder what its inputs say, and enters what it does in a ledger
// that no part of Trainyard knows. Plain JavaScript, so that it starts at once.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const folder = process.argv[2];
const ledger = process.env.TORTURE_LEDGER;
const { inputs, resources, task_id: task, attempt_id: attempt } = JSON.parse(read(join(folder, 'spec.json')));
const { behaviour, steps, step_ms: stepMs } = inputs;
let step = 0;

function read(file) {
  return readFileSync(file, 'utf8');
}

/** One write of one line, which the system appends whole. */
function enter(fact) {
  appendFileSync(ledger, `${JSON.stringify({ ...fact, attempt, task })}\n`);
}

function earlierAttempts() {
  const facts = read(ledger).trimEnd().split('\n').filter(Boolean).map(JSON.parse);
  return facts.filter((fact) => fact.task === task && fact.fact === 'began');
}

function isAlive({ pid, attempt: other }) {
  try {
    return read(`/proc/${pid}/cmdline`).includes(other);
  } catch {
    return false;
  }
}

async function work(until) {
  while (step < until) {
    step += 1;
    const progress = { type: 'progress', phase: 'work', step, total: steps, eta_seconds: null, metrics: {} };
    appendFileSync(join(folder, 'events.jsonl'), `${JSON.stringify(progress)}\n`);
    await sleep(stepMs);
  }
}

/** The ledger first: who waits for the result may end this process as soon as it is there. */
function finish(fact, result) {
  enter({ fact: 'ended', steps: step, ...fact });
  writeFileSync(join(folder, 'result.tmp'), JSON.stringify({ version: 1, ...result }));
  renameSync(join(folder, 'result.tmp'), join(folder, 'result.json'));
}

function fail(kind) {
  finish({ outcome: kind }, { status: 'failed', error: { kind, code: 'as_told', message: `${behaviour}, as told.` } });
}

/** What it leaves hangs on what it was given, so that a file that is missing or another's shows. */
function succeed() {
  const hash = createHash('sha256');
  for (const { path } of Object.values(resources)) {
    for (const file of readdirSync(join(folder, path))) hash.update(readFileSync(join(folder, path, file)));
  }
  const weights = `${inputs.name} ${inputs.value ?? ''} ${hash.digest('hex')}`;
  mkdirSync(join(folder, 'artifacts', 'model'), { recursive: true });
  writeFileSync(join(folder, 'artifacts', 'model', 'weights.bin'), weights);
  const sha256 = createHash('sha256').update(weights).digest('hex');
  const model = { kind: 'model', path: 'artifacts/model', metadata: {} };
  const outputs = { value: steps };
  finish({ outcome: 'succeeded', sha256 }, { status: 'succeeded', outputs, resources: { model_id: model } });
}

const first = {
  busy: () => fail('retryable'),
  fails_once: () => fail('terminal'),
  dies: () => {
    enter({ fact: 'ended', outcome: 'died', steps: step });
    process.kill(process.pid, 'SIGKILL');
  },
};

const before = earlierAttempts();
enter({ fact: 'began', isolated: true, pid: process.pid, rivals: before.filter(isAlive).map((one) => one.attempt) });
if (inputs.ignores_sigterm) process.on('SIGTERM', () => {});
// It does not look after its child: whoever started it is to end both.
if (inputs.has_child) spawn('sleep', ['60'], { stdio: 'ignore' }).unref();
if (before.length === 0 && behaviour in first) {
  await work(Math.ceil(steps / 2));
  first[behaviour]();
} else {
  await work(steps);
  if (behaviour === 'fails') fail('terminal');
  else succeed();
}
