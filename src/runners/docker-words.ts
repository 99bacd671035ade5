import { diskFull } from '../core/disk-full.ts';
import { RetryableError, TerminalError, UserError } from '../core/errors.ts';

export function statusOf(error: unknown): number {
  return error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 0;
}

const unreachable: readonly unknown[] = ['ECONNREFUSED', 'ENOENT', 'EACCES', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'];

export function isUnreachable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && unreachable.includes(error.code);
}

/** That the daemon does not answer, with why and what to do. */
export function unavailable(socketPath: string, cause: unknown): RetryableError {
  return new RetryableError('docker_unavailable', `The Docker daemon does not answer at ${socketPath}.`, {
    hint: reasonOf(cause),
    cause,
  });
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EACCES') return 'This user may not use it: add it to the group docker and log in again.';
  if (code === 'ENOENT') return `There is no such socket. ${startIt}`;
  return code === 'ECONNREFUSED' ? `Nobody listens there. ${startIt}` : 'The connection ended without an answer.';
}

const startIt = 'Start it (systemctl start docker), or set DOCKER_HOST to its socket.';

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
    /no such image/i,
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

/** What the daemon answered as one of our own errors; what it did not answer, as `isUnreachable` tells, is none. */
export function inOurWords(error: unknown): unknown {
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

/**
 * Why a build failed. What its steps print may be about anything: only a full disk is looked for in it.
 * @param said the last lines that were printed
 */
export function buildFailed(failure: string, said: readonly string[]): Error {
  const all = [failure, ...said].join('\n');
  if (/no space left on device|disk quota exceeded/i.test(all)) return diskFull(failure);
  if (/pull access denied|failed to resolve source|failed to do request|manifest unknown|not found$/i.test(failure)) {
    return new UserError('base_image_unavailable', `The base image cannot be had: ${failure}`, {
      hint: 'Check TRAINYARD_BASE_IMAGE and the network. tasks/runtime/scripts/debian_base.sh makes one without a registry.',
    });
  }
  return new TerminalError('image_failed', `The image could not be built: ${all}`, {
    hint: 'A step that installs needs a package index: PIP_INDEX_URL, proxies and SSL_CERT_FILE are handed on to it.',
  });
}
