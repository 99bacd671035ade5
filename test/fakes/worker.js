// An isolated task for tests: does in its attempt folder what its input `behaviour` says, as a real one would.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const folder = process.argv[2];
const spec = JSON.parse(readFileSync(join(folder, 'spec.json'), 'utf8'));
const { behaviour = 'succeed', steps = 3, step_ms: stepMs = 5 } = spec.inputs;
const emit = (event) => appendFileSync(join(folder, 'events.jsonl'), `${JSON.stringify(event)}\n`);

function finish(result) {
  writeFileSync(join(folder, 'result.tmp'), typeof result === 'string' ? result : JSON.stringify(result));
  renameSync(join(folder, 'result.tmp'), join(folder, 'result.json'));
}

function succeed(metrics = { steps }) {
  const artifacts = join(folder, 'artifacts', 'model');
  mkdirSync(artifacts, { recursive: true });
  writeFileSync(join(artifacts, 'weights.bin'), `weights of ${spec.task_name}`);
  const model = {
    kind: 'model',
    path: 'artifacts/model',
    metadata: { from: Object.keys(spec.resources), path: spec.inputs.path },
  };
  finish({ version: 1, status: 'succeeded', outputs: { metrics }, resources: { model_id: model } });
}

async function work() {
  for (let step = 1; step <= steps; step += 1) {
    emit({ type: 'progress', phase: 'work', step, total: steps, eta_seconds: null, metrics: { loss: 1 / step } });
    await sleep(stepMs);
  }
}

const modelAt = (path) => ({ kind: 'model', path });

const left = {
  'a link': (path) => symlinkSync('/dev/zero', path),
  'a link to a file': (path) => symlinkSync(join(folder, 'spec.json'), path),
  'a FIFO': (path) => execFileSync('mkfifo', [path]),
  'a folder': (path) => mkdirSync(path),
  'three gigabytes': (path) => {
    // Nobody is to see it while it is small.
    writeFileSync(`${path}.new`, '');
    truncateSync(`${path}.new`, 3 * 2 ** 30);
    renameSync(`${path}.new`, path);
  },
};

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
  // Finds a full disk until as many tries as `value` have been made.
  disk_full: async () => {
    const error = { kind: 'retryable', code: 'disk_full', message: 'The disk is full.' };
    if (readdirSync(dirname(folder)).length < spec.inputs.value) finish({ version: 1, status: 'failed', error });
    else succeed();
  },
  talkative: async () => {
    for (let at = 0; at < 5000; at += 1) emit({ type: 'message', level: 'info', text: `message ${at}` });
    await work();
    succeed();
  },
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
  // Has a child, which has one that leaves the group; neither heeds SIGTERM. Then does what `next` says.
  family: async () => {
    const stay = "process.on('SIGTERM', () => {}); setInterval(() => {}, 2 ** 30);";
    const leave = `const { spawn } = require('node:child_process');
      const gone = spawn(process.execPath, ['-e', ${JSON.stringify(stay)}], { detached: true, stdio: 'ignore' });
      process.send([process.pid, gone.pid]);`;
    const child = spawn(process.execPath, ['-e', leave + stay], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const [pids] = await once(child, 'message');
    child.disconnect();
    child.unref();
    writeFileSync(join(folder, 'family'), pids.join(' '));
    await behaviours[spec.inputs.next]();
  },
  // Leaves `what` where the file `where` belongs, and succeeds unless it was to say so there.
  leaves: async () => {
    const { what, where } = spec.inputs;
    const path = join(folder, where);
    rmSync(path, { force: true });
    left[what](path);
    if (where === 'events.jsonl') succeed();
    else if (where === 'log.txt') process.exit(3);
    else await sleep(3_600_000);
  },
  // Says what lies where its input `path` leads.
  reads: async () => {
    const { path } = spec.inputs;
    const isFolder = statSync(path).isDirectory();
    succeed({ path, files: isFolder ? readdirSync(path) : [], text: isFolder ? '' : readFileSync(path, 'utf8') });
  },
  // Says what it can see and do.
  look: async () => {
    const attempted = (act) => {
      try {
        act();
        return 'done';
      } catch (error) {
        return error.code;
      }
    };
    const status = readFileSync('/proc/self/status', 'utf8');
    const seen = {
      uid: process.getuid(),
      capabilities: /^CapEff:\s+(\w+)/m.exec(status)[1],
      bounding: /^CapBnd:\s+(\w+)/m.exec(status)[1],
      no_new_privileges: /^NoNewPrivs:\s+(\d)/m.exec(status)[1],
      seccomp: /^Seccomp:\s+(\d)/m.exec(status)[1],
      networks: Object.keys(networkInterfaces()),
      write_root: attempted(() => writeFileSync('/made', '')),
      write_spec: attempted(() => writeFileSync(join(folder, 'spec.json'), '{}')),
      remove_spec: attempted(() => unlinkSync(join(folder, 'spec.json'))),
      write_inputs: attempted(() => writeFileSync(join(folder, 'inputs', 'made'), '')),
      write_own: attempted(() => writeFileSync(join(folder, 'made'), '')),
      write_tmp: attempted(() => writeFileSync('/tmp/made', '')),
      docker_sockets: ['/var/run/docker.sock', '/run/docker.sock'].filter(existsSync),
      gpus: process.env.NVIDIA_VISIBLE_DEVICES ?? '',
      token: process.env.HF_TOKEN ?? '',
      offline: process.env.HF_HUB_OFFLINE ?? '',
      file: spec.inputs.path === undefined ? '' : attempted(() => readFileSync(spec.inputs.path)),
    };
    finish({ version: 1, status: 'succeeded', outputs: { metrics: seen }, resources: {} });
  },
  // Takes memory without end.
  greedy_for_memory: async () => {
    emit({ type: 'message', level: 'info', text: 'taking memory' });
    const taken = [];
    for (;;) {
      taken.push(Buffer.alloc(8 * 2 ** 20, taken.length + 1));
      await sleep(1);
    }
  },
  // A gigabyte of log, in numbered lines.
  flood: async () => {
    const rest = 'x'.repeat(1000);
    for (let line = 0; line < 1_000_000; line += 1000) {
      let text = '';
      for (let at = line; at < line + 1000; at += 1) text += `${at} ${rest}\n`;
      process.stdout.write(text);
      if (line % 100_000 === 0) emit({ type: 'progress', phase: 'flood', step: line, total: 1_000_000 });
      await sleep(0);
    }
    succeed();
  },
  // Numbered lines in the log, and as many steps.
  counting: async () => {
    for (let step = 1; step <= steps; step += 1) {
      console.log(`line ${step}`);
      emit({ type: 'progress', phase: 'work', step, total: steps, eta_seconds: null, metrics: {} });
      await sleep(stepMs);
    }
    succeed();
  },
  // Holds the GPU that it was given for a while.
  hold_gpu: async () => {
    const from = Date.now();
    await sleep(stepMs);
    succeed({ gpu: process.env.NVIDIA_VISIBLE_DEVICES ?? '', from, until: Date.now() });
  },
  fork_bomb: async () => {
    emit({ type: 'message', level: 'info', text: 'forking' });
    spawn('sh', ['-c', 'bomb() { bomb | bomb & }; bomb; wait'], { stdio: 'ignore' });
    await sleep(3_600_000);
  },
  returns: async () => finish(spec.inputs.result),
  leave_at_once: async () => {},
  returns_link: async () => {
    mkdirSync(join(folder, 'artifacts', 'real'));
    symlinkSync('real', join(folder, 'artifacts', 'model'));
    finish({ version: 1, status: 'succeeded', outputs: {}, resources: { model_id: modelAt('artifacts/model') } });
  },
  measured: async () =>
    finish({
      version: 1,
      status: 'succeeded',
      outputs: {},
      resources: {},
      usage: { peak_memory_mib: 512.5, peak_gpu_memory_mib: -1 },
    }),
  // 100 MB of lines that say nothing, and one that would.
  binary: async () => {
    const junk = Buffer.from(Array.from({ length: 2 ** 20 }, (_item, at) => (at % 7 ? 128 + (at % 128) : 10)));
    for (let at = 0; at < 100; at += 1) appendFileSync(join(folder, 'events.jsonl'), junk);
    await work();
    succeed();
  },
  // 200 MB without the end of a line, then a line that tells something.
  huge: async () => {
    for (const name of ['events.jsonl', 'log.txt']) {
      writeFileSync(join(folder, name), '');
      truncateSync(join(folder, name), 200_000_000);
    }
    appendFileSync(join(folder, 'events.jsonl'), '\n');
    emit({ type: 'message', level: 'info', text: 'a\u0007b\u001b[31mc\n\u0000' });
    appendFileSync(join(folder, 'events.jsonl'), '\u0000\n'.repeat(200));
    await work();
    appendFileSync(join(folder, 'log.txt'), '10 %\r\u001b[1m20 %\u0007');
    process.exit(3);
  },
  noisy: async () => {
    process.stdout.write(Buffer.alloc(8 * 2 ** 20, 'x'));
    appendFileSync(join(folder, 'events.jsonl'), `not json\n${'y'.repeat(600_000)}\n`);
    await work();
    succeed();
  },
};

await behaviours[behaviour]();
