import { mkdirSync } from 'node:fs';
import { UserError } from '../core/errors.ts';
import { formatMib } from '../core/format.ts';
import { openDocker } from '../isolation.ts';
import { readGpus } from '../machine.ts';
import type { CudaVersion } from '../runners/docker-image.ts';
import { type CommandContext, exitCodes } from './context.ts';

/** Builds the image that tasks run in, and says what became of it. */
export async function buildImage(order: string, cuda: string | undefined, context: CommandContext): Promise<number> {
  const { config, say, print, json, signal } = context;
  if (order !== 'build') {
    throw new UserError('unknown_command', `There is no command "image ${order}".`, { hint: 'trainyard image build' });
  }
  mkdirSync(config.home, { recursive: true });
  const { images } = await openDocker(config);
  const chosen = await chooseCuda(cuda);
  say(
    `Building the image for tasks on ${config.baseImage}, ${chosen === 'none' ? 'for the CPU' : `with CUDA ${chosen}`}.`,
  );
  const image = await images.build({ base: config.baseImage, cuda: chosen, onLine: say, signal });
  const { reference, id, python, torch, bytes } = image;
  say(`${reference} is ready: Python ${python}, PyTorch ${torch}, ${formatMib(bytes / 2 ** 20)}.`);
  say(`${id}`);
  say('Set TRAINYARD_ISOLATION=docker to run tasks in it.');
  if (json) print(image);
  return exitCodes.succeeded;
}

async function chooseCuda(wanted: string | undefined): Promise<CudaVersion> {
  const { cudaFor, cudaVersions } = await import('../runners/docker-image.ts');
  if (wanted === undefined) return cudaFor((await readGpus())[0]?.driver);
  const version = cudaVersions.find((one) => one === wanted);
  if (version !== undefined) return version;
  throw new UserError('wrong_arguments', `--cuda takes ${cudaVersions.join(', ')}, not "${wanted}".`);
}
