import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ledgerFile } from './ledger.ts';
import type { Moment } from './plan-round.ts';

export interface ServerProcess extends AsyncDisposable {
  pid: number | undefined;
  /** Where it listens, as soon as it does; rejects when it ends without being killed. */
  url: Promise<string>;
  /** Rejects when it ends without being killed. */
  outlived: Promise<never>;
}

export const serverLog = (home: string) => join(home, 'server.log');

/** A server in a process group of its own, which ends by kill -9 with its scope. */
export function startServer(home: string, maxTasks: number, happened: (moment: Moment) => void): ServerProcess {
  const program = join(import.meta.dirname, 'serve.ts');
  // What it says on its standard error goes straight to a file, where its death cannot keep it back.
  const child = spawn('/bin/sh', ['-c', 'exec "$0" "$@" 2>> "$TORTURE_HOME/server.log"', process.execPath, program], {
    detached: true,
    env: {
      PATH: process.env.PATH,
      TRAINYARD_HOME: home,
      TRAINYARD_PORT: '0',
      TRAINYARD_MAX_TASKS: String(maxTasks),
      // Servers start often here; they share what Node has compiled.
      NODE_COMPILE_CACHE: join(home, '..', 'compiled'),
      TORTURE_HOME: home,
      TORTURE_LEDGER: ledgerFile(home),
    },
  });
  let killed = false;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(`The server ended by itself (${code ?? signal}).`));
  });
  const outlived = exited.then((how): Promise<never> => {
    if (killed) return new Promise(() => {});
    throw new Error(how);
  });
  outlived.catch(() => {});
  const url = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'loaded') return happened('loaded');
      happened('ready');
      resolve(line);
    });
  });
  return {
    pid: child.pid,
    url: Promise.race([url, outlived]),
    outlived,
    async [Symbol.asyncDispose]() {
      killed = true;
      const alive = child.exitCode === null && child.signalCode === null;
      if (alive && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await exited;
    },
  };
}
