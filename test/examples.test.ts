import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/**
 * Runs before the program: whoever listens, connects or reads the environment from a file of ours breaks it.
 * Libraries may look at the environment; it is empty.
 */
const guard = `
import { Server, Socket } from 'node:net';
const refuse = (what) => () => { process.exitCode = 3; throw new Error('the program ' + what); };
Server.prototype.listen = refuse('listens');
Socket.prototype.connect = refuse('connects');
process.env = new Proxy(process.env, {
  get(target, name) {
    const caller = new Error().stack.split('\\n').slice(2).find((line) => line.includes('/')) ?? '';
    const ours = caller.includes(${JSON.stringify(`${root}/`)}) && !caller.includes('node_modules');
    return ours ? refuse('reads ' + String(name))() : target[name];
  },
});`;

/** Runs a program that may read files and do nothing else; only PATH is set. */
async function run(...args: string[]) {
  const preload = `data:text/javascript,${encodeURIComponent(guard)}`;
  const options = ['--permission', '--allow-fs-read=*', '--import', preload, '--disable-warning=ExperimentalWarning'];
  return promisify(execFile)(process.execPath, [...options, ...args], { cwd: root, env: { PATH: process.env.PATH } });
}

const module = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;

test('examples/chat.ts asks, submits and changes with nothing but the agent', async () => {
  const { stdout, stderr } = await run('examples/chat.ts');
  expect(stderr).toBe('');
  const replies = stdout.match(/^(question|submitted|plan|answer|refused): .*/gm);
  expect(replies).toEqual([
    'question: Which model do you mean by "llama"?',
    expect.stringContaining('submitted: I will load squad, finetune meta-llama/Llama-2-7b on squad'),
    expect.stringContaining('epochs 3'),
  ]);
  const pipelines = stdout.match(/^\{[\s\S]*?^\}/gm)?.map((text) => JSON.parse(text));
  expect(pipelines).toHaveLength(2);
});

describe('the guard of this test', () => {
  test.each([
    ['listening', "import { createServer } from 'node:net'; createServer().listen(0)", 'listens'],
    ['a connection', "await fetch('http://127.0.0.1:1')", 'fetch failed'],
    [
      'a look at the environment',
      `import { loadConfig } from '${pathToFileURL(root)}/src/config.ts'; loadConfig()`,
      'reads',
    ],
    ['a written file', "import { writeFileSync } from 'node:fs'; writeFileSync('x', '')", 'ERR_ACCESS_DENIED'],
    ['a child process', "import { execSync } from 'node:child_process'; execSync('id')", 'ERR_ACCESS_DENIED'],
  ])('notices %s', async (_, code, words) => {
    await expect(run('--eval', '', '--import', module(code))).rejects.toThrow(words);
  });
});
