import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { temporaryHome } from './workplace.ts';

const run = promisify(execFile);
const cli = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');
const settleMs = 3000;

/** Resident memory in MiB of a server with an empty home, some seconds after it has started. */
export async function measureIdleMemory(): Promise<number> {
  await using home = await temporaryHome();
  const env = { PATH: process.env.PATH, TRAINYARD_HOME: home.path, TRAINYARD_PORT: '0' };
  const server = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', cli, 'start'], {
    cwd: home.path,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'close');
  try {
    await Promise.race([once(createInterface(server.stdout), 'line'), ended]);
    await sleep(settleMs);
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(server.pid)]);
    return Number(stdout) / 1024;
  } finally {
    server.kill();
    await ended;
  }
}
