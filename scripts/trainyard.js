// Runs a TypeScript file of Trainyard under the Node that the project brings. Plain JavaScript on purpose:
// it starts under whatever Node the machine has, before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    return undefined;
  }
}

/** npm writes its record of what it installed last, so it tells what is there. */
function isInstalled() {
  const wanted = readJson('package-lock.json')?.packages ?? {};
  const present = readJson('node_modules/.package-lock.json')?.packages;
  if (present === undefined) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || present[path]?.version === version,
  );
}

/**
 * No package runs a script of its own when it is installed (better-sqlite3 would compile what it brings along),
 * but for "node", whose script fetches the package with the binary for this machine.
 */
function install() {
  process.stderr.write('Installing npm packages (once) …\n');
  if (!npm('ci', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error')) {
    process.stderr.write('The npm packages could not be installed; npm says why above.\n');
    process.exit(1);
  }
}

function npm(...args) {
  const program = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  return spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2] }).status === 0;
}

/** The Node that the project brings, so that every machine runs the same; else this one, if it is new enough. */
function findNode() {
  const brought = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(brought) || npm('rebuild', 'node', '--ignore-scripts=false', '--loglevel=error')) return brought;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  process.stderr.write(
    `Trainyard needs Node 22.18 or newer; this is ${process.version}. Update it, or see npm's words above.\n`,
  );
  process.exit(1);
}

/**
 * What is compiled is kept, and types are stripped once: the stripper alone takes 25 MiB of a process that needs it.
 * Node keeps it by version and by the content of each file; "npm ci" removes it with all packages.
 */
const compiled = join(root, 'node_modules', '.cache', 'trainyard');
const env = { ...process.env, NODE_COMPILE_CACHE: compiled };

const nodeOptions = [
  '--disable-warning=ExperimentalWarning',
  // MiB. V8 lets young objects have 128 MiB where there is much memory, and is slow to hand them back. Runs take no
  // more CPU time with less.
  '--max-semi-space-size=8',
];

function isCompiled() {
  const since = statSync(compiled, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return ['agent', 'src', 'tasks'].every((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.ts'))
      .every((file) => statSync(join(root, folder, file)).mtimeMs <= since),
  );
}

/** Loads all of Trainyard in a process of its own, so that a server, which stays, finds new code compiled, too. */
function compile(node) {
  const start = new Date();
  try {
    mkdirSync(compiled, { recursive: true });
    utimesSync(compiled, start, start);
  } catch {
    // Who may not write here goes without.
    return;
  }
  const agent = ['agent/index.ts', 'agent/engines/openai/openai.ts', 'src/conversation-checkpoints.ts'];
  const files = [...agent, 'src/cli.ts'].map((file) => `./${file}`);
  const program = `for (const file of ${JSON.stringify(files)}) await import(file);`;
  const options = [...nodeOptions, '--input-type=module', '--eval', program];
  spawnSync(node, options, { cwd: root, env, stdio: 'ignore' });
}

if (!isInstalled()) install();
const [script = 'src/cli.ts', ...args] = process.argv[2]?.endsWith('.ts')
  ? process.argv.slice(2)
  : ['src/cli.ts', ...process.argv.slice(2)];
const node = findNode();
if (args[0] === 'start' && !isCompiled()) compile(node);
const child = spawn(node, [...nodeOptions, join(root, script), ...args], { stdio: 'inherit', env });
// Ctrl-C reaches the child by itself; what is sent to this process alone is handed on.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
