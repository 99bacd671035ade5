import { formatMib } from '../core/format.ts';
import type { DockerEngine } from '../runners/docker.ts';
import type { Images, RuntimeImage } from '../runners/docker-image.ts';
import { type Finding, failing, fine } from './finding.ts';
import type { UsedGpus } from './gpus.ts';

const buildIt = 'Run `trainyard image build`: it chooses CUDA by the driver.';

/**
 * The image for tasks, as the list of this home and the daemon have it, and whether it goes with the GPUs.
 * @throws UserError where there is none, or one of other code, or the driver is too old for any.
 */
export async function checkImage(engine: DockerEngine, images: Images, used: UsedGpus | undefined): Promise<Finding> {
  const image = images.usable();
  const { id, reference, python, torch, bytes } = image;
  if ((await engine.image(id)) === undefined) {
    return failing('image', `The daemon no longer has ${reference} (${id.slice(7, 19)}).`, buildIt);
  }
  const problem = used && (await cudaProblem(image, used));
  if (problem !== undefined) return failing('image', `${reference} ${problem}`, buildIt);
  return fine('image', `${reference}: Python ${python}, PyTorch ${torch}, ${formatMib(bytes / 2 ** 20)}.`);
}

async function cudaProblem({ cuda }: RuntimeImage, { machine, listed }: UsedGpus): Promise<string | undefined> {
  if (machine.gpus.length === 0) return undefined;
  if (cuda === 'none') return 'has PyTorch for the CPU alone, and tasks get a GPU.';
  const driver = listed[0]?.driver;
  if (driver === undefined) return undefined;
  const { cudaFor, cudaVersions } = await import('../runners/docker-image.ts');
  // The newest comes first.
  const isTooNew = cudaVersions.indexOf(cuda) < cudaVersions.indexOf(cudaFor(driver));
  return isTooNew ? `has CUDA ${cuda}, which the driver ${driver} is too old for.` : undefined;
}
