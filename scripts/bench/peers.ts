import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Graph } from './shapes.ts';
import type { Measured } from './trainyard-and-floor.ts';
import { benchDirectory, temporaryHome } from './workplace.ts';

/** An engine that people would use instead. Its program reads a graph and tells on its last line how it went. */
export interface Peer {
  name: string;
  /** In `peers/`. */
  program: string;
  /** The Python packages of its environment; none where Trainyard's own packages hold it. */
  requirements: readonly string[];
}

export const peers: readonly Peer[] = [
  { name: 'LangGraph.js', program: 'langgraph.ts', requirements: [] },
  { name: 'DBOS', program: 'run_dbos.py', requirements: ['dbos==3.4.0'] },
  // It does not hold back FastAPI, whose later versions it does not start with.
  { name: 'Prefect', program: 'run_prefect.py', requirements: ['prefect==3.8.8', 'fastapi==0.139.0'] },
  { name: 'Dagster', program: 'run_dagster.py', requirements: ['dagster==1.13.28'] },
];

const limitMs = 180_000;
const fewerNodes = 100;

/** Runs a graph; where that takes too long, the smaller one of the same shape that `draw` makes. */
export async function measurePeer(peer: Peer, draw: (nodes: number) => Graph, nodes: number): Promise<Measured> {
  const failed = (note: string): Measured => ({
    engine: peer.name,
    milliseconds: undefined,
    nodes,
    commits: undefined,
    note,
  });
  try {
    const interpreter = await ensureInterpreter(peer);
    const whole = await runPeer(peer, interpreter, draw(nodes));
    if (whole !== undefined) return whole;
    const part = nodes > fewerNodes ? await runPeer(peer, interpreter, draw(fewerNodes)) : undefined;
    const limit = `${nodes} nodes took more than ${limitMs / 1000} s`;
    return part === undefined ? failed(limit) : { ...part, note: `${limit}; ${part.note}` };
  } catch (error) {
    return failed((error as Error).message.trim().split('\n').at(-1) ?? 'failed');
  }
}

interface PeerReport {
  version: string;
  milliseconds: number;
  commits: number | null;
  note: string;
}

/** Undefined where the time is over. */
async function runPeer(peer: Peer, interpreter: string, graph: Graph): Promise<Measured | undefined> {
  await using home = await temporaryHome();
  const program = join(import.meta.dirname, 'peers', peer.program);
  const child = spawn(interpreter, [program, home.path], {
    cwd: home.path,
    env: environmentOf(home.path),
    detached: true,
  });
  // The whole group: some peers start a server.
  const limit = setTimeout(() => killGroup(child.pid), limitMs);
  const interrupt = () => {
    killGroup(child.pid);
    process.exit(130);
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  child.stdin.end(JSON.stringify(graph));
  const ended = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
  try {
    const outputs = [child.stdout.setEncoding('utf8').toArray(), child.stderr.setEncoding('utf8').toArray()];
    const [stdout = [], stderr = []] = await Promise.all(outputs);
    const code = await ended;
    if (child.signalCode !== null) return undefined;
    if (code !== 0) throw new Error(stderr.join(''));
    const { version, milliseconds, commits, note } = JSON.parse(lastLine(stdout.join(''))) as PeerReport;
    const engine = `${peer.name} ${version}`;
    return { engine, milliseconds, nodes: graph.length, commits: commits ?? undefined, note };
  } finally {
    clearTimeout(limit);
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    killGroup(child.pid);
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

/** No settings of this user's, and no usage reports to anyone. */
function environmentOf(home: string): NodeJS.ProcessEnv {
  const { PATH, LANG } = process.env;
  return { PATH, LANG, HOME: home, TMPDIR: home, DO_NOT_TRACK: '1' };
}

const run = promisify(execFile);

/** The program that runs a peer's: this Node, or the Python of an environment that is made once. */
async function ensureInterpreter({ name, requirements }: Peer): Promise<string> {
  if (requirements.length === 0) return process.execPath;
  const environment = join(benchDirectory, requirements.join('-').replaceAll('==', '-'));
  const python = join(environment, 'bin', 'python');
  const marker = join(environment, 'ready');
  if (existsSync(marker)) return python;
  console.error(`Installing ${name} (once) …`);
  await rm(environment, { recursive: true, force: true });
  await mkdir(benchDirectory, { recursive: true });
  await run('python3', ['-m', 'venv', environment]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements]);
  await writeFile(marker, '');
  return python;
}
