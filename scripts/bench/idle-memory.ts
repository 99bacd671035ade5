import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { UserError } from '../../src/core/errors.ts';
import { readServerAddress } from '../../src/instance-lock.ts';
import { temporaryHome } from './workplace.ts';

const run = promisify(execFile);
const starter = join(import.meta.dirname, '..', 'trainyard.js');
const settleMs = 3000;

/** Resident memory in MiB of a server with an empty home, some seconds after it has started as `npm start` does it. */
export async function measureIdleMemory(): Promise<number> {
  await using home = await temporaryHome();
  const env = { PATH: process.env.PATH, TRAINYARD_HOME: home.path, TRAINYARD_PORT: '0' };
  const server = spawn(process.execPath, [starter, 'start'], {
    cwd: home.path,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'close');
  try {
    await Promise.race([once(createInterface(server.stdout), 'line'), ended]);
    await sleep(settleMs);
    // The starter waits beside the server, in a process of its own.
    const pid = readServerAddress(home.path)?.pid;
    if (pid === undefined) throw new UserError('no_server', 'The server whose memory is measured did not start.');
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
    return Number(stdout) / 1024;
  } finally {
    server.kill();
    await ended;
  }
}
