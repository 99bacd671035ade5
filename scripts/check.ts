/** Format and lint, types, import boundaries, unused code, fast tests: all of them, and which failed. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);
const checks: [string, string, string[]][] = [
  ['format and lint', bin('biome'), ['check', '--error-on-warnings']],
  ['types', bin('tsc'), []],
  ['types of the page', bin('tsc'), ['-p', 'web']],
  ['import boundaries', bin('depcruise'), ['src', 'agent', 'tasks', 'scripts']],
  ['unused code', bin('knip'), []],
  ['fast tests', process.execPath, [join(root, 'scripts', 'test.ts'), '--fast']],
];

// The tools start with `env node`: the one that the project brings.
const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` };
const failed = checks.filter(([name, command, args]) => {
  console.log(`\n${name}`);
  return spawnSync(command, args, { cwd: root, env, stdio: 'inherit' }).status !== 0;
});
console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.map(([name]) => name).join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
