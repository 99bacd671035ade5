// An isolated task for tests: does in its attempt folder what its input `behaviour` says, as a real one would.
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const folder = process.argv[2];
const spec = JSON.parse(readFileSync(join(folder, 'spec.json'), 'utf8'));
const { behaviour = 'succeed', steps = 3, step_ms: stepMs = 5 } = spec.inputs;
const emit = (event) => appendFileSync(join(folder, 'events.jsonl'), `${JSON.stringify(event)}\n`);

function finish(result) {
  writeFileSync(join(folder, 'result.tmp'), typeof result === 'string' ? result : JSON.stringify(result));
  renameSync(join(folder, 'result.tmp'), join(folder, 'result.json'));
}

function succeed() {
  const artifacts = join(folder, 'artifacts', 'model');
  mkdirSync(artifacts, { recursive: true });
  writeFileSync(join(artifacts, 'weights.bin'), `weights of ${spec.task_name}`);
  const model = { kind: 'model', path: 'artifacts/model', metadata: { from: Object.keys(spec.resources) } };
  finish({ version: 1, status: 'succeeded', outputs: { metrics: { steps } }, resources: { model_id: model } });
}

async function work() {
  for (let step = 1; step <= steps; step += 1) {
    emit({ type: 'progress', phase: 'work', step, total: steps, eta_seconds: null, metrics: { loss: 1 / step } });
    await sleep(stepMs);
  }
}

const behaviours = {
  succeed: async () => {
    await work();
    succeed();
  },
  fail: async () =>
    finish({
      version: 1,
      status: 'failed',
      error: { kind: 'user', code: 'bad_row', message: 'Row 3 is bad.', hint: 'Mend it.' },
    }),
  // Out of memory with a batch of more than four; like a training it says what its memory hangs on.
  greedy: async () => {
    const { batch_size = 8 } = spec.inputs;
    emit({ type: 'progress', phase: 'train', step: 3, total: 9, eta_seconds: null, metrics: { batch_size } });
    const error = { kind: 'terminal', code: 'out_of_memory', message: 'The task ran out of memory.' };
    if (batch_size > 4) finish({ version: 1, status: 'failed', error });
    else succeed();
  },
  // Gets half-way, and to the end where it goes on from there.
  resumable: async () => {
    mkdirSync(join(folder, 'checkpoint'), { recursive: true });
    writeFileSync(join(folder, 'checkpoint', 'half'), '');
    if (spec.resume_from) succeed();
    else finish({ version: 1, status: 'failed', error: { kind: 'terminal', code: 'stopped', message: 'Half-way.' } });
  },
  retryable: async () =>
    finish({ version: 1, status: 'failed', error: { kind: 'retryable', code: 'busy', message: 'Busy.' } }),
  crash: async () => {
    console.error('Segmentation fault, or so');
    process.exit(3);
  },
  hang: async () => {
    emit({ type: 'message', level: 'info', text: 'hanging' });
    await sleep(3_600_000);
  },
  stubborn: async () => {
    process.on('SIGTERM', () => {});
    emit({ type: 'message', level: 'info', text: 'hanging' });
    await sleep(3_600_000);
  },
  malformed: async () => finish('{"version": 1, "status": "succeeded", "outputs": {"metrics": NaN}, "resources": {}}'),
  escape: async () =>
    finish({
      version: 1,
      status: 'succeeded',
      outputs: { metrics: {} },
      resources: { model_id: { kind: 'model', path: '../..' } },
    }),
  noisy: async () => {
    process.stdout.write(Buffer.alloc(8 * 2 ** 20, 'x'));
    appendFileSync(join(folder, 'events.jsonl'), `not json\n${'y'.repeat(600_000)}\n`);
    await work();
    succeed();
  },
};

await behaviours[behaviour]();
