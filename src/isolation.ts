import { createHash } from 'node:crypto';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { UserError } from './core/errors.ts';
import type { ArtifactStore } from './core/resource.ts';
import type { Runner } from './core/runner.ts';
import type { Task } from './core/task.ts';
import { containerUser } from './runners/container-user.ts';
import type { DockerEngine } from './runners/docker.ts';
import type { Images } from './runners/docker-image.ts';
import { createInProcessRunner } from './runners/in-process.ts';
import { createPythonRunner } from './runners/python.ts';
import { createRunSecrets } from './runners/run-secrets.ts';
import { createVenvRunner, environmentMaker, type PrepareEnvironment } from './runners/venv.ts';

/** How tasks are kept apart from this process and from each other. */
export interface Isolation {
  runnerFor: (task: Task) => Runner;
  /** Runners that an earlier start may have used, which new attempts do not get. */
  formerRunners: readonly Runner[];
  /** Where heavy tasks run, as a sentence. */
  says: string;
  /** What tasks can have there at most, where that may be less than the machine has. */
  room?: { cpus: number; memoryMib: number };
  close(): Promise<void>;
}

export const runtimeDirectory = join(import.meta.dirname, '..', 'tasks', 'runtime');

/**
 * The runners that the configuration asks for. There is no falling back from one to another.
 * @throws UserError or RetryableError where Docker is asked for and does not answer, or has no image for tasks.
 */
export async function createIsolation(config: Config, store: ArtifactStore): Promise<Isolation> {
  const inDocker =
    config.isolation === 'docker' ? await createDocker(config, store) : await formerDocker(config, store);
  const inVenv = createVenv(config, store);
  const inProcess = createOwnPython(config, store);
  const kinds = { ...(inDocker && { docker: inDocker }), venv: inVenv, process: inProcess };
  const chosen = kinds[config.isolation] ?? inVenv;
  const { says, room } = await chosen.check();
  const inServer = createInProcessRunner(store, chosen.prepare);
  const all = Object.values(kinds).map(({ runner }) => runner);
  return {
    runnerFor: ({ work }) => (work.where === 'server' ? inServer : chosen.runner),
    formerRunners: all.filter((runner) => runner !== chosen.runner),
    says,
    ...(room && { room }),
    close: async () => void (await Promise.all(all.map((runner) => runner.close?.()))),
  };
}

/** One way of keeping tasks apart. */
interface Kind {
  runner: Runner;
  prepare: PrepareEnvironment;
  /** Whether it can be used, how it is called in a sentence, and what it has. */
  check(): Promise<Pick<Isolation, 'says' | 'room'>>;
}

function createVenv({ home, toolEnvironment, taskEnvironment }: Config, store: ArtifactStore): Kind {
  const options = { store, stateDirectory: home, runtimeDirectory, toolEnvironment, taskEnvironment };
  const prepare = environmentMaker(options);
  return {
    runner: createVenvRunner(options, prepare),
    prepare,
    check: async () => ({ says: 'Heavy tasks run in a Python environment of their own (TRAINYARD_ISOLATION=venv).' }),
  };
}

function createOwnPython({ taskEnvironment }: Config, store: ArtifactStore): Kind {
  const options = { store, runtimeDirectory, taskEnvironment };
  return {
    runner: createPythonRunner({ ...options, name: 'process', findPython: async () => ({ python: 'python3' }) }),
    prepare: async () => {
      throw new UserError('no_environments', 'Tasks run in the Python that is there; no other one is made.', {
        hint: 'Set TRAINYARD_ISOLATION to venv or docker, or leave the environment out.',
      });
    },
    check: async () => ({
      says: 'Heavy tasks run in the Python of this machine, as it is (TRAINYARD_ISOLATION=process).',
    }),
  };
}

/** What an earlier start may have left in Docker is found again, where that Docker can still be named. */
async function formerDocker(config: Config, store: ArtifactStore): Promise<Kind | undefined> {
  if (!hasUsedDocker(config.home)) return undefined;
  return createDocker(config, store).catch(() => undefined);
}

/** The packages of Docker are loaded only for who uses it. */
async function createDocker(config: Config, store: ArtifactStore): Promise<Kind> {
  const { engine, images, socket } = await openDocker(config);
  const { createDockerRunner } = await import('./runners/docker-runner.ts');
  const certificates = certificatesOf(config.taskEnvironment.SSL_CERT_FILE);
  const runner = createDockerRunner({
    engine,
    store,
    place: {
      installation: installationOf(config.home),
      user: containerUser(socket),
      network: config.dockerNetwork,
      certificates,
      hidden: [socket, config.home],
    },
    imageFor: images.forAttempt,
    command: (folder) => ['python', '-m', 'trainyard_runtime', folder],
    secrets: createRunSecrets(join(config.home, 'secrets'), forFetching(config.taskEnvironment)),
  });
  return {
    runner,
    prepare: async (requirements, pythonVersion, reporting) => {
      const { version } = await images.withPackages(requirements, pythonVersion, reporting);
      return { hash: version };
    },
    async check() {
      // Somebody waits for the start: a daemon that is well answers at once.
      const { version, isRootless, cpus, memoryMib } = await (
        await openDocker(config, firstAnswerMs)
      ).engine.describe();
      if (isRootless) throw mapsUsers();
      const image = await images.ready();
      const says = `Heavy tasks run in Docker ${version}, each in a container of image ${image.version} (${image.id.slice(7, 19)}).`;
      return { says, room: { cpus, memoryMib } };
    },
  };
}

/** Why a Docker that maps users cannot be used. */
export function mapsUsers(): UserError {
  return new UserError('docker_rootless', 'This Docker maps users (rootless or userns-remap).', {
    hint: 'Tasks could not write their results there. Use a Docker that does not, or TRAINYARD_ISOLATION=venv.',
  });
}

/**
 * @param patienceMs how long an answer of the daemon may take, where the usual two minutes are too long.
 * @throws UserError for a Docker of another machine.
 */
export async function openDocker(
  config: Config,
  patienceMs?: number,
): Promise<{ engine: DockerEngine; images: Images; socket: string }> {
  const socket = socketOf(config.dockerHost);
  const [{ connectDocker }, { createImages }] = await Promise.all([
    import('./runners/docker.ts'),
    import('./runners/docker-image.ts'),
  ]);
  const engine = connectDocker(socket, patienceMs);
  const { home, toolEnvironment } = config;
  return { engine, images: createImages({ engine, home, runtimeDirectory, toolEnvironment }), socket };
}

const firstAnswerMs = 10_000;

/** @throws UserError for a file that is not there. */
function certificatesOf(file: string | undefined): string | undefined {
  if (file === undefined || existsSync(file)) return file;
  throw new UserError('wrong_configuration', `SSL_CERT_FILE names ${file}, which is not there.`, {
    hint: 'Name a file with the certificates that tasks are to trust, or leave it out.',
  });
}

const ofDesktop = ['run', 'desktop'].map((folder) => join(homedir(), '.docker', folder, 'docker.sock'));

function socketOf(host: string | undefined): string {
  if (host !== undefined && /^unix:\/\/.+/.test(host)) return host.slice('unix://'.length);
  if (host === undefined) {
    const usual = '/var/run/docker.sock';
    return [usual, ...ofDesktop].find((path) => existsSync(path)) ?? usual;
  }
  throw new UserError('docker_remote', `DOCKER_HOST is ${host}, and tasks share files with this machine.`, {
    hint: 'Set it to the socket of a Docker on this machine, such as unix:///var/run/docker.sock.',
  });
}

const notForContainers = new Set(['PATH', 'HOME', 'LANG', 'TMPDIR', 'HF_HOME', 'SSL_CERT_FILE']);

/** What a task that fetches is told beside its image's own environment. */
function forFetching(taskEnvironment: Config['taskEnvironment']): Record<string, string> {
  return Object.fromEntries(Object.entries(taskEnvironment).filter(([name]) => !notForContainers.has(name)));
}

const markOf = (home: string) => join(home, 'installation');

/** Whether tasks of this home have ever run in Docker. */
export function hasUsedDocker(home: string): boolean {
  return existsSync(markOf(home));
}

/** Tells the containers of this home from those of others, a copy of it included. */
function installationOf(home: string): string {
  const { ino, birthtimeNs } = statSync(home, { bigint: true });
  const id = createHash('sha256').update(`${ino} ${birthtimeNs}`).digest('hex').slice(0, 12);
  writeFileSync(markOf(home), `${id}\n`);
  return id;
}
