/** The API held against its own description by schemathesis. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { type App, startApp } from '../../src/main.ts';
import { openUserStore } from '../../src/users/user-store.ts';

const version = '4.32.5';
let home: string;
let app: App;
let token: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'trainyard-api-'));
  execFileSync('python3', ['-m', 'venv', join(home, 'venv')]);
  execFileSync(join(home, 'venv', 'bin', 'pip'), ['install', '--quiet', `schemathesis==${version}`], {
    stdio: 'ignore',
  });
  const users = openUserStore(join(home, 'users.sqlite'));
  const { user_id } = await users.add({ name: 'root', role: 'admin', password: 'a long enough password' });
  token = users.createToken(user_id, { name: 'test', scopes: ['read', 'write', 'admin'], days: 1 }).token;
  users.close();
  // Nothing heavy is to run: what is submitted is whatever comes to mind.
  app = await startApp(parseConfig({ TRAINYARD_HOME: home, TRAINYARD_PORT: '0', PATH: process.env.PATH }));
});

afterAll(async () => {
  await app.close();
  rmSync(home, { recursive: true, force: true });
});

it('answers whatever is sent as its description says: no fault of the server, no other status, no other form', async () => {
  const checks = [
    'not_a_server_error',
    'status_code_conformance',
    'content_type_conformance',
    'response_schema_conformance',
  ];
  const args = [
    'run',
    `${app.url}/openapi.json`,
    '--no-color',
    '--max-examples=30',
    '--seed=1',
    `--checks=${[...checks, 'response_headers_conformance', 'unsupported_method', 'ignored_auth'].join(',')}`,
    `--header=Authorization: Bearer ${token}`,
    // Its own token would be good no more.
    '--exclude-path=/api/tokens/{id}',
    '--exclude-path=/api/users/{name}',
  ];
  const run = promisify(execFile)(join(home, 'venv', 'bin', 'schemathesis'), args, { cwd: home, maxBuffer: 2 ** 26 });
  const { stdout } = await run.catch((error: { stdout: string }) => expect.fail(error.stdout.slice(-6000)));
  console.log(/Test cases:\n.*/.exec(stdout)?.[0]);
  expect(stdout).toMatch(/Tested: (1[5-9]|[2-9]\d)/);
});
