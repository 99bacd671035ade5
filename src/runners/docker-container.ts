import { lstatSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { contentNames, isRemote, localPath } from '../core/content-name.ts';
import { UserError } from '../core/errors.ts';
import type { Attempt } from '../core/runner.ts';
import type { ContainerUser } from './container-user.ts';
import type { ContainerOptions, Mount } from './docker.ts';

/** What containers of one server have in common. */
export interface ContainerPlace {
  /** Names this installation: containers of another one are left alone. */
  installation: string;
  /** Of the task's processes: never root. */
  user: ContainerUser;
  /** The network that a task joins which fetches something. */
  network: string;
  /** A file of certificates that tasks are to trust, on this machine. */
  certificates?: string | undefined;
  /** Paths of this machine that no task may see, such as the socket of Docker. */
  hidden: readonly string[];
}

export interface ContainerRequest {
  attempt: Attempt;
  image: string;
  argv: readonly string[];
  /** A file with variables for this run only, in the shell's words; only for tasks that fetch something. */
  secrets?: string | undefined;
}

const label = (name: string) => `trainyard.${name}`;
export const attemptLabel = label('attempt');
export const installationLabel = label('installation');
export const inside = '/attempt';
const hubCache = '/cache/huggingface';
const secretsInside = '/run/trainyard/environment';
const certificatesInside = '/run/trainyard/certificates.pem';
const mib = 2 ** 20;
/** Docker takes no less. */
const leastMemoryMib = 6;
/** PyTorch and its data loaders have some for each core; a fork bomb ends here. */
const processesAtMost = 1024;

export function containerName(attemptId: string): string {
  return `trainyard-${attemptId}`;
}

/** Whether a task reaches for what only the network has: then it gets a network, the hub's cache and the secrets. */
export function isFetching({ task, inputs }: Attempt): boolean {
  return contentNames(task, inputs).some(({ value }) => isRemote(value));
}

/**
 * What an attempt's container is made with: only its own mounts, no capability, no way to more rights, a root that
 * cannot be written, limits on memory, processes and cores, and no network unless it fetches something.
 * @throws UserError for a path that no task may see.
 */
export function containerOptions(place: ContainerPlace, request: ContainerRequest): ContainerOptions {
  const { attempt, image, argv } = request;
  const { memoryMib, cpuThreads, gpus } = attempt.limits;
  const fetches = isFetching(attempt);
  return {
    Image: image,
    // The log is the task's own file: neither a restart of the daemon nor of the server loses a line of it.
    Entrypoint: [
      '/bin/sh',
      '-c',
      `[ ! -e ${secretsInside} ] || . ${secretsInside}; exec "$@" >>${inside}/log.txt 2>&1`,
    ],
    Cmd: ['task', ...argv],
    User: place.user,
    WorkingDir: inside,
    Env: environmentOf(place, cpuThreads, gpus, fetches),
    Labels: {
      [installationLabel]: place.installation,
      [label('pipeline')]: attempt.pipelineId,
      [label('node')]: attempt.nodeId,
      [label('task')]: attempt.task.name,
      [attemptLabel]: attempt.attemptId,
    },
    HostConfig: {
      ...hardened({ memoryMib, cpuThreads }),
      NetworkMode: fetches ? place.network : 'none',
      Mounts: mountsOf(place, request, fetches),
      ...(gpus.length > 0 && {
        DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: gpus, Capabilities: [['gpu']] }],
      }),
    },
  };
}

/** A container that sees nothing and may do nothing but compute within these limits. */
export function hardened({ memoryMib, cpuThreads }: { memoryMib: number; cpuThreads: number }) {
  const memory = Math.max(memoryMib, leastMemoryMib) * mib;
  return {
    // Ends with the task, hands signals on and takes care of orphans.
    Init: true,
    AutoRemove: false,
    NetworkMode: 'none',
    ReadonlyRootfs: true,
    Tmpfs: { '/tmp': `rw,nosuid,nodev,exec,size=${Math.ceil(memory / 2)},mode=1777` },
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges:true'],
    IpcMode: 'private',
    Memory: memory,
    MemorySwap: memory,
    ShmSize: Math.ceil(memory / 2),
    NanoCpus: cpuThreads * 1e9,
    PidsLimit: processesAtMost,
    LogConfig: { Type: 'local', Config: { 'max-size': '1m', 'max-file': '1', compress: 'false' } },
    Mounts: [],
  };
}

function environmentOf(place: ContainerPlace, cpuThreads: number, gpus: readonly string[], fetches: boolean): string[] {
  const variables: Record<string, string> = {
    HOME: '/tmp',
    HF_HOME: fetches ? hubCache : '/tmp/huggingface',
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    OMP_NUM_THREADS: String(cpuThreads),
    TOKENIZERS_PARALLELISM: 'false',
    ...(!fetches && { HF_HUB_OFFLINE: '1' }),
    ...(fetches && place.certificates !== undefined && { SSL_CERT_FILE: certificatesInside }),
    // Where NVIDIA's runtime is the daemon's default, it would hand out every GPU.
    ...(gpus.length === 0 && { NVIDIA_VISIBLE_DEVICES: 'void' }),
  };
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

function mountsOf(place: ContainerPlace, { attempt, secrets }: ContainerRequest, fetches: boolean): Mount[] {
  const { folder } = attempt;
  // What is mounted below would come along, and could be written.
  const BindOptions = { Propagation: 'rprivate' as const, NonRecursive: true };
  const readOnly = (Source: string, Target: string): Mount => ({
    Type: 'bind',
    Source,
    Target,
    ReadOnly: true,
    BindOptions,
  });
  return [
    { Type: 'bind', Source: folder, Target: inside, ReadOnly: false },
    readOnly(join(folder, 'spec.json'), `${inside}/spec.json`),
    readOnly(join(folder, 'inputs'), `${inside}/inputs`),
    ...localPaths(attempt, [...place.hidden, folder]).map(({ path, real }) => readOnly(real, path)),
    ...(fetches ? [{ Type: 'volume' as const, Source: cacheVolume(place), Target: hubCache, ReadOnly: false }] : []),
    ...(secrets === undefined ? [] : [readOnly(secrets, secretsInside)]),
    ...(fetches && place.certificates !== undefined ? [readOnly(place.certificates, certificatesInside)] : []),
  ];
}

/** The hub's cache of an installation: what one task has fetched, the next one finds. */
export function cacheVolume({ installation }: Pick<ContainerPlace, 'installation'>): string {
  return `trainyard-${installation}-hub`;
}

/** Of the image itself, or of the machine: nothing of them is data, and what lay over them would take their place. */
// biome-ignore format: a list
const neverData = ['/attempt', '/bin', '/boot', '/cache', '/dev', '/etc', '/lib', '/lib32', '/lib64', '/opt/trainyard', '/proc', '/run/trainyard', '/sbin', '/sys', '/usr/bin', '/usr/lib', '/usr/local/bin', '/usr/local/lib', '/usr/sbin'];
/** What lies below is as good as anywhere else. */
const onlyWhole = ['/tmp', '/var', '/run', '/home', '/root'];

/**
 * Files and folders of this machine that the inputs name, which the task sees at the same place, read-only. What is
 * not there is left to the task to complain of.
 */
function localPaths({ task, inputs }: Attempt, hidden: readonly string[]): { path: string; real: string }[] {
  const paths = new Set(contentNames(task, inputs).flatMap(({ value }) => localPath(value) ?? []));
  const closed = [...neverData, ...hidden, ...hidden.flatMap((one) => realPath(one) ?? [])];
  return [...paths].flatMap((path) => {
    const real = realPath(path);
    if (real === undefined) return [];
    const info = lstatSync(real);
    const isPlain = info.isFile() || info.isDirectory();
    const isForbidden = [path, real].some(
      (named) =>
        onlyWhole.some((one) => isWithin(one, named)) ||
        closed.some((one) => isWithin(one, named) || isWithin(named, one)),
    );
    if (isPlain && !isForbidden) return [{ path, real }];
    throw new UserError('path_forbidden', `A task in a container cannot be given ${path}.`, {
      hint: 'Name the data file itself, or a folder that holds only data.',
    });
  });
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
