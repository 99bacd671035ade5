/**
 * Runs the tests and ends with their true sums: `N passed, N failed`.
 * With `--fast` those that need nothing but Node; further arguments go to vitest.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../src/config.ts';
import { ensurePythonEnvironment } from '../src/runners/python-environment.ts';

interface Sums {
  passed: number;
  failed: number;
}

const root = join(import.meta.dirname, '..');
const runtimeDir = join(root, 'tasks', 'runtime');
const output = mkdtempSync(join(tmpdir(), 'trainyard-test-'));

function run(command: string, args: readonly string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
  return new Promise<number>((resolve) => {
    const child = spawn(command, args, { ...options, stdio: 'inherit' });
    child.once('exit', (code) => resolve(code ?? 1));
    child.once('error', () => resolve(127));
  });
}

/** A run that broke without a report, or failed with none of its tests failed, counts as one failure. */
async function vitest(args: readonly string[]): Promise<Sums> {
  const report = join(output, 'vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const program = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const code = await run(process.execPath, [program, 'run', ...reporters, ...args], { cwd: root });
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(readFileSync(report, 'utf8'));
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

async function pytest(python: string): Promise<Sums> {
  const report = join(output, 'pytest.xml');
  const args = ['-m', 'pytest', '-q', `--junitxml=${report}`, '-p', 'no:cacheprovider', 'tests'];
  const code = await run(python, args, { cwd: runtimeDir, env: { ...process.env, PYTHONPATH: runtimeDir } });
  const counts = existsSync(report) ? /<testsuite [^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] : undefined;
  if (counts === undefined) return { passed: 0, failed: 1 };
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(counts)?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  return { passed: count('tests') - failed - count('skipped'), failed: code !== 0 && failed === 0 ? 1 : failed };
}

/** The runtime's environment with these further packages; its packages are shared with the plain one on disk. */
async function environmentWith(...requirements: string[]): Promise<string> {
  const { home, toolEnvironment } = parseConfig(process.env);
  const onProgress = (text: string) => console.log(text);
  const { python } = await ensurePythonEnvironment({
    stateDir: home,
    runtimeDir,
    requirements,
    env: toolEnvironment,
    onProgress,
  });
  return python;
}

/** As `requirements-dev.lock` has it. */
const pytestVersion =
  /^pytest==\S+/m.exec(readFileSync(join(runtimeDir, 'requirements-dev.lock'), 'utf8'))?.[0] ?? 'pytest';

async function everything(args: readonly string[]): Promise<Sums> {
  // The tests of the whole way run tasks in the plain environment.
  await environmentWith();
  const python = await environmentWith(pytestVersion);
  const first = await pytest(python);
  const second = await vitest(args);
  return { passed: first.passed + second.passed, failed: first.failed + second.failed };
}

const args = process.argv.slice(2);
try {
  const fast = args.includes('--fast');
  const rest = args.filter((arg) => arg !== '--fast');
  const { passed, failed } = fast ? await vitest(['--project', 'fast', ...rest]) : await everything(rest);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
} finally {
  rmSync(output, { recursive: true, force: true });
}
