import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { RetryableError, TerminalError, UserError } from '../core/errors.ts';
import { diskFull } from './disk-full.ts';
import { plainText } from './plain-text.ts';

/** What a container is made with: the names are those of Docker's API. */
export interface ContainerOptions {
  Image: string;
  Entrypoint: readonly string[];
  Cmd: readonly string[];
  User: string;
  WorkingDir: string;
  Env: readonly string[];
  Labels: Readonly<Record<string, string>>;
  HostConfig: {
    Init: boolean;
    AutoRemove: boolean;
    NetworkMode: string;
    ReadonlyRootfs: boolean;
    Tmpfs: Readonly<Record<string, string>>;
    CapDrop: readonly string[];
    SecurityOpt: readonly string[];
    IpcMode: string;
    /** Bytes; the swap counts in, so that equal numbers mean none. */
    Memory: number;
    MemorySwap: number;
    ShmSize: number;
    /** Billionths of a core. */
    NanoCpus: number;
    PidsLimit: number;
    LogConfig: { Type: string; Config: Readonly<Record<string, string>> };
    Mounts: readonly Mount[];
    DeviceRequests?: readonly { Driver: string; DeviceIDs: readonly string[]; Capabilities: string[][] }[];
  };
}

export interface Mount {
  Type: 'bind' | 'volume';
  /** A path of this machine, or the name of a volume. */
  Source: string;
  Target: string;
  ReadOnly: boolean;
}

/** How a container stands, as Docker has it. */
export interface ContainerState {
  id: string;
  status: 'created' | 'running' | 'exited';
  /** Process id on this machine, while it runs. */
  pid: number | undefined;
  exitCode: number;
  isOutOfMemory: boolean;
  /** What kept it from starting. */
  error: string;
  /** In ms since 1970, by the daemon's clock. */
  startedAtMs: number;
  finishedAtMs: number;
  image: string;
  labels: Readonly<Record<string, string>>;
}

export interface ContainerSummary {
  name: string;
  isRunning: boolean;
  labels: Readonly<Record<string, string>>;
}

export interface ImageBuild {
  /** Folder that is sent to the daemon. */
  context: string;
  dockerfile: string;
  reference: string;
  arguments: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
}

export interface BuiltImage {
  /** Digest, `sha256:…`. */
  id: string;
  bytes: number;
  /** Digests of its layers, the lowest first. */
  layers: readonly string[];
}

/** What a daemon says of itself. */
export interface DaemonInfo {
  version: string;
  isRootless: boolean;
  /** Containers live on while it restarts. */
  isLiveRestore: boolean;
  /** False where it looked for its init program and found none. */
  hasInit: boolean;
  runtimes: readonly string[];
  /** Where it keeps images and containers. */
  root: string;
}

/** A Docker engine on this machine. Everything it refuses is thrown as one of our own errors, with what to do. */
export interface DockerEngine {
  /** @throws RetryableError `docker_unavailable`. */
  describe(): Promise<DaemonInfo>;
  /** A container of that name which is there already is taken as this one, if its labels are the same. */
  create(name: string, options: ContainerOptions): Promise<void>;
  start(name: string): Promise<void>;
  /** Undefined where there is no such container. */
  inspect(name: string): Promise<ContainerState | undefined>;
  /** Does nothing where it does not run. */
  kill(name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Stops it, too. Does nothing where there is none. */
  remove(name: string): Promise<void>;
  /** All containers with this label, whatever their state. */
  list(label: string): Promise<ContainerSummary[]>;
  /**
   * Resolves with how it stands when it runs no more; undefined where it is gone.
   * @param onAway called once when the daemon does not answer: it is waited for.
   */
  untilStopped(name: string, signal: AbortSignal, onAway?: () => void): Promise<ContainerState | undefined>;
  /** The end of what it wrote to its own output. */
  output(name: string): Promise<string>;
  /** Undefined where there is no such image. */
  image(reference: string): Promise<BuiltImage | undefined>;
  /** @param onLine what the daemon says, line by line */
  build(build: ImageBuild, onLine: (line: string) => void, signal: AbortSignal): Promise<BuiltImage>;
}

/** What is not answered in this time is taken as refused; to wait for a container is asked again and again. */
const answerMs = 120_000;
const lookAgainMs = 5000;
const awayMs = 500;

/** @param patienceMs how long an answer may take; one that begins and goes on may take longer. */
export function connectDocker(socketPath: string, patienceMs = answerMs): DockerEngine {
  const docker = new Docker({ socketPath, timeout: patienceMs });
  const unavailable = (cause: unknown) =>
    new RetryableError('docker_unavailable', `The Docker daemon does not answer at ${socketPath}.`, {
      hint: `${reasonOf(cause)} Start it (systemctl start docker), or set DOCKER_HOST to its socket.`,
      cause,
    });

  async function ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw isUnreachable(error) ? unavailable(error) : inOurWords(error);
    }
  }

  /** As `ask`, with this in place of what is not there, or not in the state that was asked for. */
  function askUnless<T>(codes: readonly number[], instead: T, question: () => Promise<T>): Promise<T> {
    return ask(() =>
      question().catch((error) => {
        if (codes.includes(statusOf(error))) return instead;
        throw error;
      }),
    );
  }

  const engine: DockerEngine = {
    async describe() {
      const info = await ask(() => docker.info());
      const security: readonly string[] = info.SecurityOptions ?? [];
      return {
        version: info.ServerVersion,
        isRootless: security.some((option) => /name=(?:rootless|userns)/.test(option)),
        isLiveRestore: info.LiveRestoreEnabled === true,
        hasInit: info.InitCommit?.ID !== 'N/A',
        runtimes: Object.keys(info.Runtimes ?? {}),
        root: info.DockerRootDir,
      };
    },

    async create(name, options) {
      const isNew = await askUnless([409], false, async () => {
        await docker.createContainer({ name, ...(options as unknown as Docker.ContainerCreateOptions) });
        return true;
      });
      if (isNew) return;
      // An answer that was lost on its way: the daemon had made it.
      const found = await engine.inspect(name);
      const isSame = Object.entries(options.Labels).every(([label, value]) => found?.labels[label] === value);
      if (!isSame) throw new TerminalError('name_taken', `There is a container ${name} already, of somebody else.`);
    },

    start: (name) => askUnless([304], undefined, () => docker.getContainer(name).start()),

    async inspect(name) {
      const found = await askUnless([404], undefined, () => docker.getContainer(name).inspect());
      return found && stateOf(found);
    },

    kill: (name, signal) => askUnless([404, 409], undefined, () => docker.getContainer(name).kill({ signal })),
    remove: (name) =>
      askUnless([404, 409], undefined, () => docker.getContainer(name).remove({ force: true, v: true })),

    async list(label) {
      const found = await ask(() => docker.listContainers({ all: true, filters: { label: [label] } }));
      return found.map(({ Names, State, Labels }) => ({
        name: (Names[0] ?? '').replace(/^\//, ''),
        isRunning: State === 'running' || State === 'paused',
        labels: Labels,
      }));
    },

    async untilStopped(name, signal, onAway = () => {}) {
      for (let isAway = false; ; ) {
        signal.throwIfAborted();
        try {
          const state = await engine.inspect(name);
          if (state?.status !== 'running') return state;
          isAway = false;
          await changeOf(docker.getContainer(name), signal);
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof RetryableError)) throw error;
          if (!isAway) onAway();
          isAway = true;
          await sleep(awayMs, undefined, { signal });
        }
      }
    },

    async output(name) {
      const written = await askUnless([404], Buffer.alloc(0), () =>
        docker.getContainer(name).logs({ stdout: true, stderr: true, tail: 20, follow: false }),
      );
      return textOf(written);
    },

    async image(reference) {
      const found = await askUnless([404], undefined, () => docker.getImage(reference).inspect());
      return found && { id: found.Id, bytes: found.Size, layers: found.RootFS.Layers ?? [] };
    },

    async build({ context, dockerfile, reference, arguments: buildargs, labels }, onLine, signal) {
      // A step may say nothing for minutes.
      const patient = new Docker({ socketPath });
      const answer = await ask(() =>
        patient.buildImage(
          { context, src: ['.'] },
          { version: '2', dockerfile, t: reference, buildargs, labels, abortSignal: signal },
        ),
      );
      await followBuild(patient, answer, onLine, signal);
      const built = await engine.image(reference);
      if (built !== undefined) return built;
      throw new TerminalError('image_failed', `The daemon built ${reference} and does not have it.`);
    },
  };
  return engine;
}

/** Resolves when the container may have stopped. Docker forgets who waits when it is killed: so not for ever. */
async function changeOf(container: Docker.Container, signal: AbortSignal): Promise<void> {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  try {
    await Promise.race([
      container.wait({ condition: 'not-running', abortSignal: either }).catch(() => sleep(awayMs)),
      sleep(lookAgainMs, undefined, { signal: either }),
    ]);
  } finally {
    end.abort();
  }
}

function stateOf({ Id, State, Image, Config }: Docker.ContainerInspectInfo): ContainerState {
  const { Running, Paused, Pid, ExitCode, OOMKilled, StartedAt, FinishedAt } = State;
  const hasStarted = Date.parse(StartedAt) > 0;
  const isRunning = Running || Paused;
  return {
    id: Id,
    status: isRunning ? 'running' : hasStarted || State.Error !== '' ? 'exited' : 'created',
    pid: isRunning && Pid > 0 ? Pid : undefined,
    exitCode: ExitCode,
    isOutOfMemory: OOMKilled,
    error: State.Error,
    startedAtMs: Date.parse(StartedAt),
    finishedAtMs: Date.parse(FinishedAt),
    image: Image,
    labels: Config.Labels,
  };
}

function followBuild(
  docker: Docker,
  answer: NodeJS.ReadableStream,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const said: string[] = [];
  let failure: string | undefined;
  const onEvent = (event: { stream?: string; error?: string; errorDetail?: { message?: string } }) => {
    failure ??= event.errorDetail?.message ?? event.error;
    for (const line of (event.stream ?? '').split('\n').flatMap(buildLines)) {
      if (line === '' || line === said.at(-1)) continue;
      said.push(line);
      if (said.length > linesKept) said.shift();
      onLine(line);
    }
  };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => {
    (answer as Partial<AbortableAnswer>).destroy?.();
    reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  (docker as unknown as BuildFollower).followProgress(
    answer,
    (error) => {
      if (error) reject(inOurWords(error));
      else if (failure !== undefined) reject(buildFailed(failure, said));
      else resolve();
    },
    onEvent,
  );
  return promise.finally(() => signal.removeEventListener('abort', onAbort));
}

const linesKept = 12;

/** A line of a build for a person. What a step printed reaches us in base64 (dockerode 5.0 decodes it half-way). */
function buildLines(line: string): string[] {
  const isEncoded = line.length % 4 === 0 && /^[\w+/]{8,}={0,2}$/.test(line);
  if (isEncoded) return plainText(Buffer.from(line, 'base64').toString('utf8'), 4000).trimEnd().split('\n');
  const isInternal = /\[internal\]|copy \/context|exporting to image|^Built image|^Successfully/.test(line);
  if (isInternal) return [];
  return [plainText(line.replace(/^\[sha256:\w+\] /, '').replace(/--mount=\S+\s+/g, ''), 400)];
}

function buildFailed(failure: string, said: readonly string[]): Error {
  const known = inOurWords(new Error([failure, ...said].join('\n')));
  if (known instanceof Error && 'code' in known && known.code !== 'docker_refused') return known;
  return new TerminalError('image_failed', `The image could not be built: ${failure}\n${said.join('\n')}`, {
    hint: 'A step that installs needs a package index: PIP_INDEX_URL, proxies and SSL_CERT_FILE are handed on to it.',
  });
}

interface AbortableAnswer {
  destroy(): void;
}

/** Of dockerode 5, which decodes what BuildKit says; its types lack it. */
interface BuildFollower {
  followProgress(
    answer: NodeJS.ReadableStream,
    onEnd: (error: Error | null) => void,
    onEvent: (event: { stream?: string; error?: string; errorDetail?: { message?: string } }) => void,
  ): void;
}

/** Frames of a header of 8 bytes, whose last 4 are the length, and what was written. */
function textOf(frames: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= frames.length; ) {
    const end = at + 8 + frames.readUInt32BE(at + 4);
    parts.push(frames.subarray(at + 8, end));
    at = end;
  }
  return Buffer.concat(parts).toString('utf8').trim();
}

function statusOf(error: unknown): number {
  return error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 0;
}

const unreachable: readonly unknown[] = ['ECONNREFUSED', 'ENOENT', 'EACCES', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'];

function isUnreachable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && unreachable.includes(error.code);
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EACCES') return 'This user may not use it: add it to the group docker and log in again.';
  if (code === 'ENOENT') return 'There is no such socket.';
  return code === 'ECONNREFUSED' ? 'Nobody listens there.' : 'The connection ended without an answer.';
}

/** Whether the daemon did not answer, which passes; a container may go on meanwhile. */
export function isDockerAway(error: unknown): boolean {
  return error instanceof RetryableError && error.code === 'docker_unavailable';
}

export const toolkitHint =
  'Install the NVIDIA Container Toolkit, run `nvidia-ctk runtime configure --runtime=docker` and restart Docker.';
export const initHint = 'Install tini (Debian and Ubuntu: apt-get install tini) and restart Docker.';

/** What Docker says about a failure, and what it means here. The first that fits. */
const meanings: readonly [RegExp, (said: string, cause: unknown) => Error][] = [
  [/no space left on device|disk quota exceeded/i, (said, cause) => diskFull(said, cause)],
  [
    /no such image|pull access denied|manifest unknown|not found: manifest/i,
    (said, cause) =>
      new UserError('image_missing', `The image is not there: ${said}`, {
        hint: 'Run `trainyard image build`.',
        cause,
      }),
  ],
  [
    /could not select device driver|unknown or invalid runtime name: nvidia|nvidia-container-(?:cli|runtime)\S*: (?:executable file )?not found/i,
    (said, cause) =>
      new TerminalError('gpu_toolkit_missing', `Docker cannot give a container a GPU: ${said}`, {
        hint: toolkitHint,
        cause,
      }),
  ],
  [
    /unsatisfied condition: cuda|requirement error/i,
    (said, cause) =>
      new TerminalError('gpu_driver_too_old', `The GPU's driver is too old for the image: ${said}`, {
        hint: 'Update the NVIDIA driver, or run `trainyard image build` again: it chooses CUDA by the driver.',
        cause,
      }),
  ],
  [
    /nvidia-container-cli|device error|unknown device|NVML/i,
    (said, cause) =>
      new RetryableError('gpu_unavailable', `The GPU cannot be used: ${said}`, {
        hint: 'Run nvidia-smi on this machine; `trainyard doctor` says more.',
        cause,
      }),
  ],
  [
    /docker-init/i,
    (said, cause) =>
      new TerminalError('docker_incomplete', `Docker lacks its init program: ${said}`, {
        hint: initHint,
        cause,
      }),
  ],
];

function inOurWords(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof RetryableError || error instanceof TerminalError) return error;
  if (error.name === 'AbortError') return error;
  const said = saidBy(error);
  for (const [pattern, meaning] of meanings) if (pattern.test(said)) return meaning(said, error);
  const options = { hint: '`trainyard doctor` checks Docker; its own log says more.', cause: error };
  return statusOf(error) >= 500
    ? new RetryableError('docker_failed', `Docker failed: ${said}`, options)
    : new TerminalError('docker_refused', `Docker refused: ${said}`, options);
}

/** docker-modem puts the status and the code around what the daemon said. */
function saidBy(error: Error): string {
  const { json } = error as { json?: { message?: unknown } };
  return (typeof json?.message === 'string' ? json.message : error.message).trim();
}
