import { mkdirSync } from 'node:fs';
import { UserError } from '../core/errors.ts';
import { formatMib } from '../core/format.ts';
import { openDocker } from '../isolation.ts';
import { readGpus } from '../machine.ts';
import type { CudaVersion, RuntimeImage } from '../runners/docker-image.ts';
import { type CommandContext, exitCodes } from './context.ts';

/** Builds the image that tasks run in, and says what became of it. */
export async function buildImage(order: string, cuda: string | undefined, context: CommandContext): Promise<number> {
  if (order !== 'build') {
    throw new UserError('unknown_command', `There is no command "image ${order}".`, { hint: 'trainyard image build' });
  }
  const image = await build(cuda, context);
  context.say('Set TRAINYARD_ISOLATION=docker to run tasks in it.');
  if (context.json) context.print(image);
  return exitCodes.succeeded;
}

/** Builds it where there is none that can be used. */
export async function ensureImage(context: CommandContext): Promise<void> {
  const { images } = await openDocker(context.config);
  const isThere = await images.ready().then(
    () => true,
    () => false,
  );
  if (!isThere) await build(undefined, context);
}

async function build(cuda: string | undefined, { config, say, signal }: CommandContext): Promise<RuntimeImage> {
  mkdirSync(config.home, { recursive: true });
  const { images } = await openDocker(config);
  const chosen = await chooseCuda(cuda);
  const kind = chosen === 'none' ? 'for the CPU' : `with CUDA ${chosen}`;
  say(`Building the image for tasks on ${config.baseImage}, ${kind}.`);
  const image = await images.build({ base: config.baseImage, cuda: chosen, onLine: say, signal });
  const { reference, id, python, torch, bytes } = image;
  say(`${reference} is ready: Python ${python}, PyTorch ${torch}, ${formatMib(bytes / 2 ** 20)}, ${id}.`);
  return image;
}

async function chooseCuda(wanted: string | undefined): Promise<CudaVersion> {
  const { cudaFor, cudaVersions } = await import('../runners/docker-image.ts');
  if (wanted === undefined) return cudaFor((await readGpus())[0]?.driver);
  const version = cudaVersions.find((one) => one === wanted);
  if (version !== undefined) return version;
  throw new UserError('wrong_arguments', `--cuda takes ${cudaVersions.join(', ')}, not "${wanted}".`);
}
