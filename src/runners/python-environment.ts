import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TerminalError, UserError } from '../core/errors.ts';

export const uvVersion = '0.13.9';
export const torchVersion = '2.13.0';
/** Counts up when the recipe below makes another environment from the same files. */
const recipe = 1;
/** What an environment is made of beside the lock file. */
export const environmentVersion = `recipe ${recipe}, torch ${torchVersion}`;
const [oldestPython, firstUntriedPython] = [10, 15];
export const supportedPython = `>=3.${oldestPython},<3.${firstUntriedPython}`;
const lockPollMs = 300;
/** What a task imports: proves the environment, and leaves it compiled for the first task. */
const smokeTest =
  'import torch, transformers, peft, datasets, accelerate, torchao.quantization; from transformers import Trainer, AutoModelForCausalLM';

export interface PythonEnvironmentOptions {
  /** Environments and tools are kept below it. */
  stateDir: string;
  /** The folder of `pyproject.toml`, `requirements.lock` and the package `trainyard_runtime`. */
  runtimeDir: string;
  /** Further packages, `name[extra]==version`; none of them may contradict the lock. */
  requirements?: string[];
  /** `3.12`; without it the machine's own Python, 3.10 or newer. */
  pythonVersion?: string;
  /** The environment of pip and uv: PATH, HOME, PIP_FIND_LINKS, UV_FIND_LINKS, indexes, proxies. */
  env: Record<string, string | undefined>;
  onProgress?: (text: string) => void;
  signal?: AbortSignal;
}

interface Tools {
  env: Record<string, string | undefined>;
  onProgress: (text: string) => void;
  signal: AbortSignal | undefined;
}

/**
 * Makes `<stateDir>/environments/<hash>`, or finds it made, and returns its interpreter.
 *
 * It holds what `requirements.lock` names, PyTorch and the further requirements, and not the runtime's own
 * sources: run it with `PYTHONPATH=<runtimeDir>`, and an edit needs no new environment. The hash covers all
 * that the environment does hold. Callers in one or several processes wait for each other; an environment whose
 * making was killed has no marker and is made anew.
 */
export async function ensurePythonEnvironment(
  options: PythonEnvironmentOptions,
): Promise<{ python: string; hash: string }> {
  const { stateDir, pythonVersion, env, onProgress = () => {}, signal } = options;
  const requirements = checkRequirements(options.requirements ?? [], pythonVersion);
  const { hash, folder, marker, python, lockFile, gpu } = await placeOf(options, requirements);
  if (existsSync(marker)) return { python, hash };

  await mkdir(join(stateDir, 'environments'), { recursive: true });
  await using _lock = await takeLock(`${folder}.lock`, onProgress, signal);
  if (existsSync(marker)) return { python, hash };

  const tools: Tools = { env: installerEnvironment(env), onProgress, signal };
  const uv = await findUv(stateDir, tools);
  await rm(folder, { recursive: true, force: true });
  onProgress('Making the Python environment; this happens once and takes a few minutes.');
  await makeVenv(uv, folder, pythonVersion, tools);
  onProgress('Installing the locked packages.');
  await uvInstall(uv, folder, ['--no-deps', '--require-hashes', '--requirements', lockFile], tools).catch((error) => {
    throw installFailed('The locked Python packages', error);
  });
  await installTorch(uv, folder, gpu, tools);
  if (requirements.length > 0) {
    onProgress(`Installing ${requirements.join(', ')}.`);
    const further = ['--constraints', lockFile, ...requirements, `torch==${torchVersion}`];
    await uvInstall(uv, folder, further, tools).catch((error) => {
      throw installFailed(`The requirements ${requirements.join(', ')}`, error);
    });
  }
  onProgress('Checking the environment.');
  await run(python, ['-c', smokeTest], tools).catch((error) => {
    throw installFailed('The finished environment does not import PyTorch and its libraries: it', error);
  });
  await writeFile(`${marker}.tmp`, JSON.stringify({ hash, requirements, torch: torchVersion }));
  await rename(`${marker}.tmp`, marker);
  return { python, hash };
}

type Wish = Pick<PythonEnvironmentOptions, 'stateDir' | 'runtimeDir' | 'pythonVersion'>;

/** The environment without further packages, where it is made already. */
export async function findMadeEnvironment(wish: Wish): Promise<{ python: string; folder: string } | undefined> {
  const { python, folder, marker } = await placeOf(wish, []);
  return existsSync(marker) ? { python, folder } : undefined;
}

/** Where an environment is, made or not. */
async function placeOf({ stateDir, runtimeDir, pythonVersion }: Wish, requirements: readonly string[]) {
  const gpu = hasNvidiaDriver();
  const lockFile = join(runtimeDir, 'requirements.lock');
  const parts = [recipe, torchVersion, process.platform, process.arch, gpu, pythonVersion ?? '', requirements];
  const hash = createHash('sha256')
    .update(JSON.stringify(parts))
    .update(await readFile(lockFile))
    .digest('hex')
    .slice(0, 16);
  const folder = join(stateDir, 'environments', hash);
  const marker = join(folder, 'trainyard-ready.json');
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  return { hash, folder, marker, python, lockFile, gpu };
}

/** Of a version such as `3.12.4`. */
export function isSupportedPython(version: string): boolean {
  const [major, minor = 0] = version.split('.').map(Number);
  return major === 3 && minor >= oldestPython && minor < firstUntriedPython;
}

/** Names with versions only: an option, an address or a path would run code of unknown origin. */
export function checkRequirements(requirements: readonly string[], pythonVersion: string | undefined): string[] {
  const version = String.raw`(===?|[<>~!]=?) *[\w.*+!-]+`;
  const allowed = new RegExp(String.raw`^[A-Za-z0-9][\w.-]*(\[[\w., -]+\])?( *${version}( *, *${version})*)?$`);
  for (const requirement of requirements) {
    if (!allowed.test(requirement)) {
      throw new UserError('invalid_requirement', `${JSON.stringify(requirement)} is not a package with a version.`, {
        hint: 'Write name, name==1.2.3 or name[extra]>=1.2,<2.',
      });
    }
  }
  if (pythonVersion !== undefined && !/^3\.\d{1,2}(\.\d{1,2})?$/.test(pythonVersion)) {
    throw new UserError('invalid_python_version', `${JSON.stringify(pythonVersion)} is not a version of Python.`, {
      hint: 'Write 3.12, for example.',
    });
  }
  return [...new Set(requirements)].sort();
}

export function hasNvidiaDriver(): boolean {
  return existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidiactl');
}

/** The given environment; what pip was told about indexes and certificates is told to uv, too. */
export function installerEnvironment(env: Record<string, string | undefined>): Record<string, string | undefined> {
  const { PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_CERT } = env;
  return {
    ...(PIP_INDEX_URL && { UV_DEFAULT_INDEX: PIP_INDEX_URL }),
    ...(PIP_EXTRA_INDEX_URL && { UV_INDEX: PIP_EXTRA_INDEX_URL }),
    ...(PIP_CERT && { SSL_CERT_FILE: PIP_CERT }),
    UV_SYSTEM_CERTS: '1',
    ...env,
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    UV_NO_PROGRESS: '1',
    VIRTUAL_ENV: undefined,
    PYTHONPATH: undefined,
    PYTHONHOME: undefined,
  };
}

const uvName = process.platform === 'win32' ? 'uv.exe' : 'uv';
const ownUv = (stateDir: string) => join(stateDir, 'tools', `uv-${uvVersion}`, 'bin', uvName);

/** The uv that is there: on PATH, or installed by an earlier call. */
export function findMadeUv(stateDir: string, env: Record<string, string | undefined>): string | undefined {
  const onPath = (env.PATH ?? '').split(delimiter).map((folder) => join(folder, uvName));
  return [...onPath, ownUv(stateDir)].find((path) => existsSync(path));
}

/** uv: the one on PATH, else a pinned one that pip installs below the state folder. */
async function findUv(stateDir: string, tools: Tools): Promise<string> {
  const found = findMadeUv(stateDir, tools.env);
  if (found) return found;

  const uv = ownUv(stateDir);
  const folder = dirname(dirname(uv));
  tools.onProgress(`Installing uv ${uvVersion}.`);
  const draft = join(stateDir, 'tools', `draft-${randomUUID()}`);
  const install = ['-m', 'pip', 'install', '--quiet', '--target', join(draft, 'uv'), `uv==${uvVersion}`];
  await mkdir(draft, { recursive: true });
  try {
    const venv = join(draft, 'venv');
    try {
      await run('python3', ['-m', 'venv', venv], tools);
      await run(join(venv, 'bin', 'python'), install, tools);
    } catch (error) {
      tools.signal?.throwIfAborted();
      // A Debian Python without ensurepip makes no environment, but it may have pip itself.
      await run('python3', install, tools).catch(() => {
        throw error;
      });
    }
    await rename(join(draft, 'uv'), folder).catch((error) => {
      if (!existsSync(uv)) throw error; // another process was faster
    });
    return uv;
  } catch (error) {
    tools.signal?.throwIfAborted();
    throw new TerminalError(
      'uv_unavailable',
      `uv, which makes Python environments, can't be installed: ${said(error)}`,
      {
        hint:
          'Install Python 3.10 or newer with its venv and pip (Debian and Ubuntu: apt-get install python3-venv ' +
          'python3-pip) and check that pip reaches a package index, or put uv on the PATH.',
        cause: error,
      },
    );
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function makeVenv(uv: string, folder: string, version: string | undefined, tools: Tools): Promise<void> {
  // Without a wish the machine's own Python; uv looks for another one only when a version was asked for.
  const choice = version ? ['--python', version] : ['--python', supportedPython, '--no-python-downloads'];
  try {
    await run(uv, ['venv', '--quiet', '--no-project', ...choice, folder], tools);
  } catch (error) {
    tools.signal?.throwIfAborted();
    throw new TerminalError('python_unavailable', `No Python ${version ?? supportedPython} is found: ${said(error)}`, {
      hint: 'Install one (Debian and Ubuntu: apt-get install python3), or ask for a version that is there.',
      cause: error,
    });
  }
}

/**
 * PyTorch: from a folder of wheels that the user points to, else the build that uv finds fit for this machine,
 * else the index's own, which brings CUDA along (5 GB). A machine with an NVIDIA driver never gets a CPU build.
 */
async function installTorch(uv: string, folder: string, gpu: boolean, tools: Tools): Promise<void> {
  const torch = `torch==${torchVersion}`;
  const attempts: { from: string; options: string[] }[] = [];
  for (const links of (tools.env.UV_FIND_LINKS || tools.env.PIP_FIND_LINKS || '').split(/[\s,]+/).filter(Boolean)) {
    if (gpu) attempts.push({ from: links, options: ['--find-links', links, torch] });
    else if (await mayHoldTorch(links)) {
      attempts.push({ from: links, options: ['--no-index', '--no-deps', '--find-links', links, torch] });
    }
  }
  const backend = gpu ? 'auto' : 'cpu';
  attempts.push({ from: `PyTorch's own index (${backend})`, options: ['--torch-backend', backend, torch] });
  attempts.push({ from: 'the package index', options: [torch] });

  let last: unknown;
  for (const { from, options } of attempts) {
    tools.onProgress(`Installing PyTorch ${torchVersion} from ${from}.`);
    try {
      return await uvInstall(uv, folder, options, tools);
    } catch (error) {
      tools.signal?.throwIfAborted();
      last = error;
    }
  }
  throw installFailed(`PyTorch ${torchVersion}`, last);
}

/** Whether a folder of wheels has PyTorch in this version; an address can only be asked by trying. */
async function mayHoldTorch(links: string): Promise<boolean> {
  if (/^[a-z]+:\/\//.test(links)) return true;
  const names = await readdir(links).catch(() => []);
  return names.some((name) => name.startsWith(`torch-${torchVersion}`) && name.endsWith('.whl'));
}

function uvInstall(uv: string, folder: string, options: string[], tools: Tools): Promise<void> {
  return run(uv, ['pip', 'install', '--quiet', '--python', folder, ...options], tools);
}

function installFailed(what: string, error: unknown): Error {
  if (error instanceof Error && error.name === 'AbortError') return error;
  return new TerminalError('environment_failed', `${what} can't be installed: ${said(error)}`, {
    hint:
      'Check that a package index can be reached (a proxy or mirror: PIP_INDEX_URL or UV_DEFAULT_INDEX; a folder ' +
      'with PyTorch: PIP_FIND_LINKS) and that the disk has 6 GB free, then run it again.',
    cause: error,
  });
}

/** What a failed command said last, short enough for a person. */
function said(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > 1200 ? `… ${text.slice(-1200)}` : text;
}

/** Runs a program to its end; rejects with what it said, or with AbortError when the signal stops it. */
function run(program: string, args: string[], { env, signal }: Tools): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...env }, signal, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      if (code === 0) resolve();
      else reject(commandFailed(output.trim() || `${program} ended with ${killedBy ?? `code ${code}`}`));
    });
  });
}

/** A tool tells of a full disk in words alone. */
function commandFailed(message: string): Error {
  const isDiskFull = /no space left on device|disk quota exceeded/i.test(message);
  return Object.assign(new Error(message), isDiskFull && { code: 'ENOSPC' });
}

/**
 * Waits until this call alone owns `path`: a folder with one file, named by chance, that tells the owner's process.
 * A folder is renamed onto `path` only while none is there or an empty one; so whoever removes the file of an
 * owner that is gone frees the lock, and never another owner's.
 */
async function takeLock(
  path: string,
  onProgress: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<AsyncDisposable> {
  const name = randomUUID();
  const draft = `${path}.${name}`;
  await mkdir(draft);
  try {
    await writeFile(join(draft, name), JSON.stringify({ pid: process.pid, started: await processStart(process.pid) }));
    for (let waited = false; ; waited = true) {
      signal?.throwIfAborted();
      const taken = await rename(draft, path).then(
        () => true,
        () => false,
      );
      if (taken) return { [Symbol.asyncDispose]: () => release(path, name) };
      if (await releaseAbandoned(path)) continue;
      if (!waited) onProgress('The same Python environment is being made already; waiting for it.');
      await sleep(lockPollMs, undefined, { signal });
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function release(path: string, name: string): Promise<void> {
  await rm(join(path, name), { force: true });
  await rmdir(path).catch(() => {}); // the next owner may have it already
}

/** Frees the lock when its owner is gone; whether it did. */
async function releaseAbandoned(path: string): Promise<boolean> {
  const [name] = await readdir(path).catch(() => []);
  if (name === undefined) return true; // released a moment ago
  const owner: unknown = JSON.parse(await readFile(join(path, name), 'utf8').catch(() => 'null'));
  if (typeof owner !== 'object' || owner === null || !('pid' in owner) || !('started' in owner)) return false;
  if (typeof owner.pid !== 'number' || (await processStart(owner.pid)) === owner.started) return false;
  await rm(join(path, name), { force: true });
  return true;
}

/** When a process began, so that a used-again number is told apart; null when there is no such process. */
async function processStart(pid: number): Promise<string | null> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return null;
  }
  const found = await stat(`/proc/${pid}`).catch(() => undefined);
  if (!found) return 'unknown';
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).split(') ').at(-1)?.split(' ');
  return fields?.[19] ?? 'unknown';
}
