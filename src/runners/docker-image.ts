import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TerminalError, UserError } from '../core/errors.ts';
import type { Attempt, FollowOptions } from '../core/runner.ts';
import type { BuiltImage, DockerEngine } from './docker.ts';
import { hardened } from './docker-container.ts';
import { furtherContext, recipeFiles, runtimeContext } from './image-context.ts';
import { checkRequirements, torchVersion, uvVersion } from './python-environment.ts';
import { requestedEnvironment } from './requested-environment.ts';
import { createFolderHash, runtimeFiles } from './runtime-files.ts';
import { createSharedWork } from './shared-work.ts';

/**
 * Builds of PyTorch by the version of CUDA, newest first, with the driver that each needs (NVIDIA's CUDA Toolkit
 * Release Notes, tables 2 and 3) and what the container toolkit is to require of it.
 */
const cudaBuilds = {
  '13.0': { backend: 'cu130', leastDriver: 580, requires: '13.0' },
  '12.6': { backend: 'cu126', leastDriver: 525, requires: '12.0' },
} as const;
export const cudaVersions = ['none', ...Object.keys(cudaBuilds)] as ['none', ...(keyof typeof cudaBuilds)[]];
export type CudaVersion = (typeof cudaVersions)[number];

/** The newest CUDA that a driver such as `580.65.06` speaks; without a driver none. @throws UserError for an old one. */
export function cudaFor(driver: string | undefined): CudaVersion {
  if (driver === undefined) return 'none';
  const major = Number.parseInt(driver, 10);
  for (const version of cudaVersions) {
    if (version !== 'none' && major >= cudaBuilds[version].leastDriver) return version;
  }
  throw new UserError('gpu_driver_too_old', `The NVIDIA driver is ${driver}, and PyTorch ${torchVersion} needs 525.`, {
    hint: 'Update the driver, or build for the CPU with --cuda none.',
  });
}

/** An image that attempts may run in. */
export interface TaskImage {
  /** Digest, `sha256:…`: a name could come to mean another one. */
  id: string;
  /** Of what it holds. */
  version: string;
}

const imageSchema = z.object({
  /** A name that Docker has it under; what runs is named by its digest alone. */
  reference: z.string(),
  /** Digest, `sha256:…`. */
  id: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  /** Of what it was built from. */
  version: z.string(),
  bytes: z.number(),
  built_at: z.string(),
});
const runtimeImageSchema = imageSchema.extend({
  base: z.string(),
  cuda: z.enum(cudaVersions),
  python: z.string(),
  torch: z.string(),
});
export type RuntimeImage = z.infer<typeof runtimeImageSchema>;
const recordsSchema = z.object({
  /** The image of tasks. */
  runtime: runtimeImageSchema.optional(),
  /** Images with further packages, by the hash of what was asked for. */
  further: z.record(z.string(), imageSchema),
});
type Records = z.infer<typeof recordsSchema>;

export interface ImagesOptions {
  engine: DockerEngine;
  /** The list of images that tasks may run in, by digest, is kept in this folder. */
  home: string;
  runtimeDirectory: string;
  /** The environment of pip and uv: indexes, certificates, wheels. */
  toolEnvironment: Readonly<Record<string, string>>;
}

export interface BuildOptions {
  /** An image with Python 3.10 or newer and its venv module. */
  base: string;
  cuda: CudaVersion;
  onLine: (line: string) => void;
  signal: AbortSignal;
}

type Reporting = Pick<FollowOptions, 'onReport' | 'signal'>;

/** The images that tasks may run in: those that were built here, by digest. */
export interface Images {
  /** Undefined where none has been built. @throws UserError where the list cannot be read. */
  current(): RuntimeImage | undefined;
  /** The image that holds the code which lies here now. @throws UserError `image_missing` or `image_outdated`. */
  usable(): RuntimeImage;
  /** The same, asked of the daemon as well: it may have been removed there. */
  ready(): Promise<RuntimeImage>;
  /** Builds the image of tasks and proves that it runs. */
  build(options: BuildOptions): Promise<RuntimeImage>;
  /** The image with an attempt's packages, which are added now where they have not been before. */
  forAttempt(attempt: Attempt, reporting: Reporting): Promise<TaskImage>;
  withPackages(
    requirements: readonly string[],
    pythonVersion: string | undefined,
    reporting: Reporting,
  ): Promise<TaskImage>;
}

export function createImages({ engine, home, runtimeDirectory, toolEnvironment }: ImagesOptions): Images {
  const file = join(home, 'images.json');
  const making = createSharedWork<TaskImage>();

  const contextOptions = { parent: join(home, 'building'), runtimeDirectory, toolEnvironment };
  const hashHere = createFolderHash(runtimeDirectory, `torch ${torchVersion}, uv ${uvVersion}`, () => [
    ...recipeFiles,
    ...runtimeFiles(runtimeDirectory),
  ]);
  const versionHere = () => hashHere().slice(0, 12);

  function read(): Records {
    try {
      return recordsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { further: {} };
      throw new UserError('images_unreadable', `The list of images, ${file}, cannot be read.`, {
        hint: 'Remove it and run `trainyard image build`.',
        cause,
      });
    }
  }

  function write(records: Records): void {
    const temporary = `${file}.${randomUUID()}`;
    writeFileSync(temporary, `${JSON.stringify(records, null, 2)}\n`, { mode: 0o600 });
    renameSync(temporary, file);
  }

  function usable(): RuntimeImage {
    const { runtime } = read();
    const hint = 'Run `trainyard image build`; what is running goes on meanwhile.';
    if (runtime === undefined) throw new UserError('image_missing', 'There is no image for tasks yet.', { hint });
    if (runtime.version === versionHere()) return runtime;
    throw new UserError('image_outdated', 'The image for tasks holds another version of their code.', { hint });
  }

  async function addPackages(
    key: string,
    runtime: RuntimeImage,
    requirements: readonly string[],
    reporting: Reporting,
  ) {
    await reporting.onReport(info(`Adding ${requirements.join(', ')} to the image.`));
    const context = furtherContext({ ...contextOptions, requirements });
    // A name is what anybody may set: this one nobody knows.
    const base = `trainyard-building:${randomUUID()}`;
    try {
      await engine.tag(base, runtime.id);
      const reference = `trainyard-environment:${key}`;
      const built = await engine.build(
        {
          context,
          dockerfile: 'Dockerfile',
          reference,
          arguments: { RUNTIME_IMAGE: base, TORCH: torchVersion, UV: uvVersion },
          labels: { 'trainyard.version': key },
        },
        () => {},
        reporting.signal,
      );
      await mustLieOn(built, runtime);
      const record = { reference, id: built.id, version: key, bytes: built.bytes, built_at: new Date().toISOString() };
      const records = read();
      write({ ...records, further: { ...records.further, [key]: record } });
      return record;
    } catch (error) {
      if (!(error instanceof TerminalError && error.code === 'image_failed')) throw error;
      throw new TerminalError('environment_failed', `${requirements.join(', ')} cannot be added to the image.`, {
        hint: `Check the names and versions, and that they go with the locked ones. ${error.message.slice(-600)}`,
        cause: error,
      });
    } finally {
      rmSync(context, { recursive: true, force: true });
      await engine.tag(base, undefined).catch(() => undefined);
    }
  }

  /** What lies below the one new layer must be the image that was proved. */
  async function mustLieOn(built: BuiltImage, { id }: RuntimeImage): Promise<void> {
    const below = (await engine.image(id))?.layers;
    const isOneMore = built.layers.length === (below?.length ?? 0) + 1;
    if (isOneMore && below?.every((layer, at) => built.layers[at] === layer)) return;
    throw new TerminalError('image_forged', 'What packages were added to is not the image for tasks.', {
      hint: 'Somebody gave its name to another image. Run `trainyard image build`.',
    });
  }

  async function withPackages(
    wanted: readonly string[],
    pythonVersion: string | undefined,
    reporting: Reporting,
  ): Promise<TaskImage> {
    const runtime = usable();
    const requirements = checkRequirements(wanted, pythonVersion);
    if (pythonVersion !== undefined && !`${runtime.python}.`.startsWith(`${pythonVersion}.`)) {
      throw new UserError('python_unavailable', `The image has Python ${runtime.python}, not ${pythonVersion}.`, {
        hint: `Set TRAINYARD_BASE_IMAGE to an image with it, such as python:${pythonVersion}-slim, and build again.`,
      });
    }
    if (requirements.length === 0) return runtime;
    const key = createHash('sha256')
      .update(JSON.stringify([runtime.id, requirements]))
      .digest('hex')
      .slice(0, 16);
    const made = read().further[key];
    if (made !== undefined && (await engine.image(made.id)) !== undefined) return made;
    return making.join(key, reporting.signal, (signal) =>
      addPackages(key, runtime, requirements, { ...reporting, signal }),
    );
  }

  return {
    current: () => read().runtime,

    usable,

    async ready() {
      const runtime = usable();
      if ((await engine.image(runtime.id)) !== undefined) return runtime;
      throw new UserError('image_missing', `Docker no longer has the image for tasks, ${runtime.reference}.`, {
        hint: 'Run `trainyard image build`.',
      });
    },

    async build({ base, cuda, onLine, signal }) {
      const version = versionHere();
      const reference = `trainyard-runtime:${version}-${cuda === 'none' ? 'cpu' : `cuda${cuda}`}`;
      const build = cuda === 'none' ? { backend: 'cpu', requires: '' } : cudaBuilds[cuda];
      const context = runtimeContext({ ...contextOptions, torchBackend: build.backend });
      try {
        const built = await engine.build(
          {
            context,
            dockerfile: 'Dockerfile',
            reference,
            arguments: {
              BASE_IMAGE: base,
              TORCH: torchVersion,
              TORCH_BACKEND: build.backend,
              UV: uvVersion,
              CUDA: build.requires,
            },
            labels: { 'trainyard.version': version },
          },
          onLine,
          signal,
        );
        onLine('Proving that it runs.');
        const proof = await prove(engine, built.id, signal);
        const { id, bytes } = built;
        const built_at = new Date().toISOString();
        const runtime = { reference, id, version, bytes, built_at, base, cuda, ...proof };
        write({ runtime, further: {} });
        return runtime;
      } finally {
        rmSync(context, { recursive: true, force: true });
      }
    },

    async forAttempt(attempt, reporting) {
      const { requirements, pythonVersion } = requestedEnvironment(attempt);
      const runtime = usable();
      if (attempt.limits.gpus.length > 0 && runtime.cuda === 'none') {
        throw new UserError(
          'image_without_cuda',
          'The image for tasks has PyTorch for the CPU alone, and this has a GPU.',
          {
            hint: 'Run `trainyard image build` on this machine: it chooses CUDA by the driver.',
          },
        );
      }
      return withPackages(requirements, pythonVersion, reporting);
    },

    withPackages,
  };
}

const info = (text: string) => ({ type: 'task_message' as const, level: 'info' as const, text });

const proofLabel = 'trainyard.proof';
const proofProgram = `import json, platform, torch, trainyard_runtime
print(json.dumps({"python": platform.python_version(), "torch": torch.__version__}))`;
const proofSchema = z.object({ python: z.string(), torch: z.string() });

/** Runs the image as tasks are run, to say what is in it. */
async function prove(engine: DockerEngine, image: string, signal: AbortSignal): Promise<z.infer<typeof proofSchema>> {
  // Those that a build has left which was killed.
  const before = await engine.list(proofLabel);
  await Promise.all(before.filter(({ isRunning }) => !isRunning).map((one) => engine.remove(one.name)));
  const name = `trainyard-proof-${randomUUID()}`;
  const options = {
    Image: image,
    Entrypoint: ['python', '-c', proofProgram],
    Cmd: [],
    User: '10001:10001',
    WorkingDir: '/tmp',
    Env: ['HOME=/tmp', 'PYTHONDONTWRITEBYTECODE=1', 'NVIDIA_VISIBLE_DEVICES=void'],
    Labels: { [proofLabel]: 'yes' },
    HostConfig: hardened({ memoryMib: 2048, cpuThreads: 1 }),
  };
  try {
    await engine.create(name, options);
    await engine.start(name);
    await engine.untilStopped(name, signal);
    const output = await engine.output(name);
    const proof = proofSchema.safeParse(lastLineAsJson(output));
    if (proof.success) return proof.data;
    throw new TerminalError('image_failed', `The image was built, but does not run: ${output.slice(-1000)}`, {
      hint: 'Check that the base image has Python 3.10 or newer.',
    });
  } finally {
    await engine.remove(name).catch(() => undefined);
  }
}

function lastLineAsJson(output: string): unknown {
  try {
    return JSON.parse(output.slice(output.lastIndexOf('\n') + 1));
  } catch {
    return undefined;
  }
}
