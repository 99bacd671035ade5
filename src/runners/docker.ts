import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { TerminalError } from '../core/errors.ts';
import { buildFailed, inOurWords, isUnreachable, statusOf, unavailable } from './docker-words.ts';
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
  BindOptions?: { Propagation: 'rprivate'; NonRecursive: boolean };
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
  /** What its containers can have: less than the machine, where it runs in a virtual one. */
  cpus: number;
  memoryMib: number;
  /** Where it keeps images and containers. */
  root: string;
}

/** A Docker engine on this machine. What it refuses or fails at is thrown as one of our own errors, with what to do. */
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
   * @param onAway called once when the daemon does not answer, or not in a way that can be used: it is waited for.
   */
  untilStopped(name: string, signal: AbortSignal, onAway?: (why: unknown) => void): Promise<ContainerState | undefined>;
  /** The end of what it wrote to its own output. */
  output(name: string): Promise<string>;
  /** Gives an image another name, or with undefined takes a name away. */
  tag(reference: string, id: string | undefined): Promise<void>;
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
  const explained = (error: unknown) => (isUnreachable(error) ? unavailable(socketPath, error) : inOurWords(error));

  async function ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw explained(error);
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
        cpus: info.NCPU,
        memoryMib: Math.floor(info.MemTotal / 2 ** 20),
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
          // Whatever went wrong, the container may still run.
          if (!isAway) onAway(explained(error));
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

    async tag(reference, id) {
      const [repo = '', tag = ''] = reference.split(':');
      if (id === undefined) await askUnless([404], undefined, () => docker.getImage(reference).remove());
      else await ask(() => docker.getImage(id).tag({ repo, tag }));
    },

    async image(reference) {
      const found = await askUnless([404], undefined, () => docker.getImage(reference).inspect());
      return found && { id: found.Id, bytes: found.Size, layers: found.RootFS.Layers ?? [] };
    },

    async build({ context, dockerfile, reference, arguments: buildargs, labels }, onLine, signal) {
      // A step may say nothing for minutes.
      const patient = new Docker({ socketPath });
      const options = { version: '2' as const, dockerfile, t: reference, buildargs, labels, abortSignal: signal };
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        signal.throwIfAborted();
        const following = patient
          .buildImage({ context, src: ['.'] }, options)
          .then((answer) => followBuild(patient, answer, onLine, signal));
        const id = await ask(() => Promise.race([following, aborted]));
        const built = await engine.image(id);
        if (built !== undefined) return built;
        throw new TerminalError('image_failed', `The daemon built ${reference} and does not have it.`);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
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

interface BuildEvent {
  stream?: string;
  error?: string;
  errorDetail?: { message?: string };
}

const linesKept = 12;

/** Follows what the daemon says of a build to its end. Resolves with the digest of the image. */
function followBuild(
  docker: Docker,
  answer: NodeJS.ReadableStream,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const said: string[] = [];
  let failure: string | undefined;
  let id: string | undefined;
  const onEvent = ({ stream = '', error, errorDetail }: BuildEvent) => {
    failure ??= errorDetail?.message ?? error;
    id ??= /^Built image: (sha256:[0-9a-f]{64})/m.exec(stream)?.[1];
    for (const line of stream.split('\n').flatMap(buildLines)) {
      if (line === '' || line === said.at(-1)) continue;
      said.push(line);
      if (said.length > linesKept) said.shift();
      onLine(line);
    }
  };
  const onAbort = () => (answer as Partial<AbortableAnswer>).destroy?.();
  signal.addEventListener('abort', onAbort, { once: true });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  (docker as unknown as BuildFollower).followProgress(
    answer,
    (error) => {
      if (error) reject(error);
      else if (failure !== undefined) reject(buildFailed(failure, said));
      else if (id !== undefined) resolve(id);
      else reject(Object.assign(new Error('The build ended without an image.'), { code: 'ECONNRESET' }));
    },
    onEvent,
  );
  return promise.finally(() => signal.removeEventListener('abort', onAbort));
}

/** A line of a build for a person. What a step printed reaches us in base64 (dockerode 5.0 decodes it half-way). */
function buildLines(line: string): string[] {
  const isEncoded = line.length % 4 === 0 && /^[\w+/]{8,}={0,2}$/.test(line);
  if (isEncoded) return plainText(Buffer.from(line, 'base64').toString('utf8'), 4000).trimEnd().split('\n');
  const isInternal = /\[internal\]|copy \/context|exporting to image|^Built image|^Successfully/.test(line);
  if (isInternal) return [];
  return [plainText(line.replace(/^\[sha256:\w+\] /, '').replace(/--mount=\S+\s+/g, ''), 400)];
}

interface AbortableAnswer {
  destroy(): void;
}

/** Of dockerode 5, which decodes what BuildKit says; its types lack it. */
interface BuildFollower {
  followProgress(
    answer: NodeJS.ReadableStream,
    onEnd: (error: Error | null) => void,
    onEvent: (event: BuildEvent) => void,
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
