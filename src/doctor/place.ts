import { constants } from 'node:fs';
import { access, mkdtemp, rmdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { Config } from '../config.ts';
import { formatMib } from '../core/format.ts';
import { findServer, readServerAddress, type ServerAddress } from '../instance-lock.ts';
import { readFreeDiskMib } from '../machine.ts';
import { type Finding, failing, fine, warning } from './finding.ts';

/** Files and folders of a home that a server writes. */
const written = ['lock.sqlite', 'journal.sqlite', 'conversations.sqlite', 'artifacts', 'attempts', 'environments'];

/** Whether the folder is there or can be made, can be written, and who works on it. */
export async function checkHome({ home }: Config): Promise<Finding> {
  const there = await nearestThere(home);
  try {
    await rmdir(await mkdtemp(join(there, '.doctor-')));
    for (const name of there === home ? written : []) await mayWrite(join(home, name));
  } catch (error) {
    const advice = 'Set TRAINYARD_HOME to a folder that this user may write.';
    return failing('home', `${home} cannot be written: ${reasonOf(error)}.`, advice);
  }
  if (there !== home) return fine('home', `${home}; the first start makes it.`);
  const server = await findServer(home);
  if (server !== undefined) return fine('home', `${home}; served at ${server.url} (process ${server.pid}).`);
  const silent = findSilentServer(home);
  if (silent === undefined) return fine('home', `${home}; no server runs on it.`);
  return warning(
    'home',
    `${home}; its server, process ${silent.pid}, does not answer at ${silent.url}.`,
    'Wait a moment. If it stays so, end that process and start again: nothing is lost.',
  );
}

/** One that runs, as far as its process tells, and did not answer. */
function findSilentServer(home: string): ServerAddress | undefined {
  const server = readServerAddress(home);
  try {
    if (server !== undefined && process.kill(server.pid, 0)) return server;
  } catch {
    // It has ended without a word.
  }
  return undefined;
}

/** The path itself, or the nearest above it that exists. */
export async function nearestThere(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    });
    if (found !== undefined || at === dirname(at)) return at;
  }
}

async function mayWrite(path: string): Promise<void> {
  await access(path, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** In MiB: `formatMib` shows them as 10 and 1 GB. */
const littleDiskMib = 10e9 / 2 ** 20;
const tooLittleDiskMib = 1e9 / 2 ** 20;

export async function checkDisk({ home }: Config): Promise<Finding> {
  const there = await nearestThere(home);
  return diskFinding(there, readFreeDiskMib(there));
}

export function diskFinding(folder: string, freeMib: number): Finding {
  const found = `${formatMib(freeMib)} free at ${folder}.`;
  if (freeMib >= littleDiskMib) return fine('disk', found);
  const advice = 'Free some, or set TRAINYARD_HOME to a folder on another disk. A Python environment takes 2 to 6 GB.';
  return freeMib < tooLittleDiskMib ? failing('disk', found, advice) : warning('disk', found, advice);
}

export async function checkPort({ home, host, port }: Config): Promise<Finding> {
  if (port === 0) return fine('port', 'Any that is free (TRAINYARD_PORT=0).');
  await stat(home).catch(() => {});
  const server = await findServer(home);
  if (isAt(port, server)) return fine('port', `${port}, which the server of this home has.`);
  const problem = await tryListening(host, port);
  if (problem === undefined) return fine('port', `${port} is free.`);
  const holder = isAt(port, findSilentServer(home))
    ? 'the server of this home, which does not answer'
    : 'another program';
  const what = problem.code === 'EADDRINUSE' ? `is taken by ${holder}` : `cannot be used: ${problem.message}`;
  return failing('port', `${port} ${what}.`, 'Set TRAINYARD_PORT to another one, or to 0 for any that is free.');
}

function isAt(port: number, server: ServerAddress | undefined): boolean {
  return server !== undefined && new URL(server.url).port === String(port);
}

function tryListening(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** `EACCES: permission denied`, without what was tried. */
function reasonOf(error: unknown): string {
  return String(error instanceof Error ? error.message : error).replace(/, .*/, '');
}
