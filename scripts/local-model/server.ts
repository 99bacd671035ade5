/** A small model and its server on this machine, both from the package index, in an environment of their own. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { UserError } from '../../src/core/errors.ts';

const run = promisify(execFile);

export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  address: string;
  model: string;
}

/** Makes the environment in `folder`, or finds it made; returns its Python. */
export async function ensureEnvironment(folder: string): Promise<string> {
  const lockFile = join(import.meta.dirname, 'requirements.lock');
  const lock = await readFile(lockFile, 'utf8');
  const environment = join(folder, 'environment');
  const python = join(environment, 'bin', 'python');
  const marker = join(environment, 'ready');
  if ((await readFile(marker, 'utf8').catch(() => '')) === lock) return python;
  console.log('Installing the model and its server (130 MB); this happens once.');
  await rm(environment, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
  try {
    await run('python3', ['-m', 'venv', environment]);
    await run(python, [...install, '--requirement', lockFile]);
  } catch (error) {
    throw new UserError('no_local_model', `The model can't be installed: ${(error as Error).message.trim()}`, {
      hint: 'It takes Python 3.10 or newer with venv (Debian: python3-venv) and a package index within reach.',
      cause: error,
    });
  }
  await writeFile(marker, lock);
  return python;
}

/** Serves the package's model, or the GGUF file that is given. The server ends with this process, however that ends. */
export async function startServer(python: string, gguf: string | undefined, logFile: string): Promise<ModelServer> {
  const args = [join(import.meta.dirname, 'serve.py'), ...(gguf === undefined ? [] : [gguf])];
  const child = spawn(python, args);
  child.stderr.pipe(createWriteStream(logFile));
  const ended = once(child, 'close');
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
  if (typeof line !== 'string') throw new UserError('no_server', `The model's server did not start; see ${logFile}.`);
  const { address, model } = JSON.parse(line) as { address: string; model: string };
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { address, model, [Symbol.asyncDispose]: stop };
}
