/** A real Docker engine for tests: the one at DOCKER_HOST, or at the usual place. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseConfig } from '../../src/config.ts';
import type { ArtifactStore } from '../../src/core/resource.ts';
import type { Attempt, Runner } from '../../src/core/runner.ts';
import { openDocker } from '../../src/isolation.ts';
import { containerUser } from '../../src/runners/container-user.ts';
import type { DockerEngine } from '../../src/runners/docker.ts';
import { type ContainerPlace, containerName } from '../../src/runners/docker-container.ts';
import { createDockerRunner, type DockerRunnerOptions } from '../../src/runners/docker-runner.ts';
import { createRunSecrets } from '../../src/runners/run-secrets.ts';

const config = parseConfig(process.env);

/** Undefined where none answers; a run that brings one of its own must have it. */
export async function findDocker(): Promise<DockerEngine | undefined> {
  const { engine } = await openDocker(config);
  const answer = await engine.describe().catch((error: unknown) => ({ error }));
  if (!('error' in answer)) return engine;
  if (process.env.TRAINYARD_TEST_DAEMON !== undefined) throw answer.error;
  return undefined;
}

/** An image with Node and `worker.js` on the base that tasks have; made once a daemon. Returns its digest. */
export async function buildWorkerImage(engine: DockerEngine): Promise<string> {
  const worker = readFileSync(join(import.meta.dirname, 'worker.js'));
  const hash = createHash('sha256').update(`${config.baseImage} ${process.version}`).update(worker).digest('hex');
  const reference = `trainyard-test:${hash.slice(0, 12)}`;
  const made = await engine.image(reference);
  if (made !== undefined) return made.id;
  const context = mkdtempSync(join(tmpdir(), 'trainyard-worker-'));
  try {
    const steps = [`FROM ${config.baseImage}`, 'COPY node /usr/local/bin/node', 'COPY worker.js /worker.js'];
    writeFileSync(join(context, 'Dockerfile'), `${steps.join('\n')}\nUSER 10001:10001\n`);
    copyFileSync(process.execPath, join(context, 'node'));
    writeFileSync(join(context, 'worker.js'), worker);
    const build = { context, dockerfile: 'Dockerfile', reference, arguments: {}, labels: {} };
    return (await engine.build(build, () => {}, AbortSignal.timeout(300_000))).id;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

export function testPlace(installation: string, more: Partial<ContainerPlace> = {}): ContainerPlace {
  return { installation, user: containerUser(socketPath()), network: 'bridge', hidden: [], ...more };
}

/** The real Docker runner; only the work is made up. */
export function createWorkerRunner(
  engine: DockerEngine,
  image: string,
  store: ArtifactStore,
  { installation = 'test', ...more }: Partial<DockerRunnerOptions> & { installation?: string } = {},
): Runner {
  return createDockerRunner({
    engine,
    store,
    place: testPlace(installation),
    imageFor: async () => ({ id: image, version: 'worker' }),
    command: (folder) => ['node', '/worker.js', folder],
    secrets: createRunSecrets(join(tmpdir(), `trainyard-secrets-${installation}`), {}),
    ...more,
  });
}

/** How a container's processes are seen from this machine. */
export function seenByDocker(engine: DockerEngine) {
  const leader = async ({ attemptId }: Pick<Attempt, 'attemptId'>) =>
    (await engine.inspect(containerName(attemptId)))?.pid;
  return {
    leader,
    family: async (attempt: Pick<Attempt, 'attemptId'>) => {
      const pid = await leader(attempt);
      return pid === undefined ? [] : [pid, ...descendantsOf(pid)];
    },
  };
}

function descendantsOf(ancestor: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)))
    parents.set(Number(name), parentOf(name));
  const isBelow = (pid: number | undefined): boolean => pid === ancestor || (!!pid && isBelow(parents.get(pid)));
  return [...parents].filter(([, parent]) => isBelow(parent)).map(([pid]) => pid);
}

function parentOf(pid: string): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** A container as the daemon itself has it, read past all code of ours. */
export async function rawInspect(name: string): Promise<RawContainer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  get({ socketPath: socketPath(), path: `/containers/${name}/json` }, resolve).once('error', reject);
  return JSON.parse(await text(await promise)) as RawContainer;
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the daemon says
type RawContainer = Record<string, any>;

function socketPath(): string {
  return (config.dockerHost ?? 'unix:///var/run/docker.sock').replace('unix://', '');
}

/** Removes what tests of an installation have left. */
export async function removeContainers(engine: DockerEngine, installation: string): Promise<void> {
  const left = await engine.list(`trainyard.installation=${installation}`);
  await Promise.all(left.map(({ name }) => engine.remove(name)));
}
