import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensurePythonEnvironment } from '../../src/runners/python-environment.ts';

/** Stands in for uv: notes each call, makes the environment's interpreter, and fails where FAIL is found in the call. */
const fakeUv = `#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *"\${FAIL:-nothing fails}"*) echo "error: no such thing" >&2; exit 1;; esac
if [ "$1" = venv ]; then
  sleep 0.2
  for last; do :; done
  mkdir -p "$last/bin"
  printf '#!/bin/sh\\nexit 0\\n' > "$last/bin/python"
  chmod +x "$last/bin/python"
fi
`;

describe('ensurePythonEnvironment', () => {
  let home: string;
  let calls: () => Promise<string[]>;
  let ensure: (
    more?: Partial<Parameters<typeof ensurePythonEnvironment>[0]>,
    env?: Record<string, string>,
  ) => Promise<{ python: string; hash: string }>;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'trainyard-environment-'));
    const [bin, runtimeDir, log] = [join(home, 'bin'), join(home, 'runtime'), join(home, 'calls')];
    await Promise.all([mkdir(bin), mkdir(runtimeDir)]);
    await writeFile(join(bin, 'uv'), fakeUv);
    await chmod(join(bin, 'uv'), 0o755);
    await writeFile(join(runtimeDir, 'requirements.lock'), 'peft==1\n');
    await writeFile(log, '');
    calls = async () => (await readFile(log, 'utf8')).split('\n').filter(Boolean);
    ensure = (more = {}, env = {}) =>
      ensurePythonEnvironment({
        stateDir: join(home, 'state'),
        runtimeDir,
        env: { PATH: `${bin}:/usr/bin:/bin`, CALLS: log, ...env },
        ...more,
      });
  });

  afterEach(() => rm(home, { recursive: true, force: true }));

  it('makes an environment once and finds it made afterwards', async () => {
    const made = await ensure();
    const steps = await calls();
    expect(steps[0]).toMatch(/^venv /);
    expect(steps[1]).toContain('--require-hashes');
    expect(await ensure()).toEqual(made);
    expect(await calls()).toEqual(steps);
  });

  it('is made by one of several concurrent callers while the others wait', async () => {
    const made = await Promise.all([ensure(), ensure(), ensure()]);
    expect(new Set(made.map(({ hash }) => hash)).size).toBe(1);
    expect((await calls()).filter((call) => call.startsWith('venv '))).toHaveLength(1);
    expect(await readdir(join(home, 'state', 'environments'))).toEqual([made[0]?.hash]);
  });

  it('makes an environment anew whose making was killed, and frees the lock of the dead process', async () => {
    const { hash } = await ensure();
    const environments = join(home, 'state', 'environments');
    await rm(join(environments, hash, 'trainyard-ready.json'));
    await mkdir(join(environments, `${hash}.lock`));
    await writeFile(join(environments, `${hash}.lock`, 'owner'), JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }));
    await ensure();
    expect((await calls()).filter((call) => call.startsWith('venv '))).toHaveLength(2);
  });

  it('has another hash for another lock file, other requirements and another Python', async () => {
    const hashes = [
      await ensure(),
      await ensure({ requirements: ['evaluate==0.4.6'] }),
      await ensure({ pythonVersion: '3.12' }),
    ];
    await writeFile(join(home, 'runtime', 'requirements.lock'), 'peft==2\n');
    hashes.push(await ensure());
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(4);
  });

  it('takes PyTorch from the folder of wheels that pip was pointed to', async () => {
    const wheels = join(home, 'wheels');
    await mkdir(wheels);
    await writeFile(join(wheels, 'torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl'), '');
    await ensure({}, { PIP_FIND_LINKS: wheels });
    const torch = (await calls()).filter((call) => call.includes('torch==2.13.0'));
    expect(torch).toHaveLength(1);
    expect(torch[0]).toContain(`--find-links ${wheels}`);
  });

  it('goes on to the next source of PyTorch when one fails', async () => {
    await ensure({}, { FAIL: '--torch-backend' });
    expect((await calls()).at(-1)).toMatch(/^pip install --quiet --python \S+ torch==2\.13\.0$/);
  });

  it('says what failed and what to do, and leaves nothing that looks finished', async () => {
    await expect(ensure({}, { FAIL: '--require-hashes' })).rejects.toMatchObject({
      kind: 'terminal',
      code: 'environment_failed',
      message: expect.stringContaining('no such thing'),
      hint: expect.stringContaining('PIP_INDEX_URL'),
    });
    await ensure();
    expect((await calls()).filter((call) => call.startsWith('venv '))).toHaveLength(2);
  });

  it('refuses requirements that are more than a name and a version', async () => {
    for (const bad of [
      '--index-url=https://example.com',
      'git+https://example.com/a.git',
      '../folder',
      'a b',
      'a @ file:///x',
    ]) {
      await expect(ensure({ requirements: [bad] })).rejects.toMatchObject({
        kind: 'user',
        code: 'invalid_requirement',
      });
    }
    await expect(ensure({ pythonVersion: '/usr/bin/python' })).rejects.toMatchObject({
      code: 'invalid_python_version',
    });
    expect(await calls()).toEqual([]);
  });

  it('stops when it is told to, and can be made afterwards', async () => {
    await expect(ensure({ signal: AbortSignal.timeout(50) })).rejects.toThrow();
    await ensure();
  });
});
