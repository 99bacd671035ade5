// Runs a TypeScript file of Trainyard under the Node that the project brings. Plain JavaScript on purpose:
// it starts under whatever Node the machine has, before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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

function install() {
  process.stderr.write('Installing npm packages (once) …\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const flags = ['ci', '--no-fund', '--no-audit', '--loglevel=error'];
  const { status } = spawnSync(npm, flags, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    process.stderr.write('The npm packages could not be installed; npm says why above.\n');
    process.exit(1);
  }
}

function findNode() {
  const brought = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(brought)) return brought;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  process.stderr.write(
    `Trainyard needs Node 22.18 or newer; this is ${process.version}, and npm was told not to run the install\n` +
      'script of the package "node" that brings one. Allow it (npm config set ignore-scripts false), or update Node.\n',
  );
  process.exit(1);
}

if (!isInstalled()) install();
const [script = 'src/cli.ts', ...args] = process.argv[2]?.endsWith('.ts')
  ? process.argv.slice(2)
  : ['src/cli.ts', ...process.argv.slice(2)];
const child = spawn(findNode(), ['--disable-warning=ExperimentalWarning', join(root, script), ...args], {
  stdio: 'inherit',
});
// Ctrl-C reaches the child by itself; what is sent to this process alone is handed on.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
