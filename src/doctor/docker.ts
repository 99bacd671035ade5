import { stat } from 'node:fs/promises';
import type { Config } from '../config.ts';
import { toTaskError } from '../core/errors.ts';
import { hasUsedDocker, mapsUsers, openDocker } from '../isolation.ts';
import type { DaemonInfo } from '../runners/docker.ts';
import { type Finding, failing, failingBy, findAll, fine, warning } from './finding.ts';
import type { UsedGpus } from './gpus.ts';
import { checkImage } from './image.ts';
import { findProgram } from './programs.ts';

/** Two answers, one after the other, are there before the time is over. */
const patienceMs = 5000;

/** All that running tasks in Docker needs; where they run elsewhere, whether there is one. */
export async function checkDocker(config: Config, gpus: Promise<UsedGpus>): Promise<Finding[]> {
  if (config.isolation !== 'docker') return [await lookAtUnused(config)];
  const { engine, images, socket } = await openDocker(config, patienceMs);
  const daemon = await engine.describe();
  if (daemon.isRootless) return [failingBy('Docker', mapsUsers())];
  const used = await gpus.catch(() => undefined);
  const questions = [
    { name: 'image', look: () => checkImage(engine, images, used) },
    { name: 'GPUs in Docker', look: () => checkToolkit(daemon, used, config.toolEnvironment.PATH) },
  ];
  return [
    fine('Docker', `${daemon.version} at ${socket}; tasks run in it.`),
    ...(await findAll(questions, patienceMs)),
    ...(await initFindings(daemon)),
    restartFinding(daemon),
  ];
}

/** It is started first in every container. The daemon may have it and not know its version. */
async function initFindings({ hasInit }: DaemonInfo): Promise<Finding[]> {
  if (hasInit) return [];
  const { initHint } = await import('../runners/docker-words.ts');
  return [warning('docker-init', 'The daemon knows no version of it, as if it were not there.', initHint)];
}

function restartFinding({ isLiveRestore }: DaemonInfo): Finding {
  if (isLiveRestore) return fine('live-restore', 'On: tasks run on while the daemon restarts.');
  return warning(
    'live-restore',
    'Off: a restart of the daemon ends the tasks that run.',
    'Put "live-restore": true into /etc/docker/daemon.json, then `systemctl reload docker`.',
  );
}

/** Nothing where no GPU is used. */
async function checkToolkit(
  { runtimes }: DaemonInfo,
  used: UsedGpus | undefined,
  path: string | undefined,
): Promise<Finding[]> {
  if (used === undefined || used.machine.gpus.length === 0) return [];
  const check = 'GPUs in Docker';
  if (runtimes.includes('nvidia')) return [fine(check, 'The NVIDIA Container Toolkit is registered.')];
  const program = ['nvidia-container-runtime-hook', 'nvidia-ctk'].find((name) => findProgram(name, path));
  if (program !== undefined) return [fine(check, `The NVIDIA Container Toolkit is installed (${program}).`)];
  const { toolkitHint } = await import('../runners/docker-words.ts');
  return [failing(check, 'The NVIDIA Container Toolkit is not here: no container gets a GPU.', toolkitHint)];
}

/** Docker may be here or not, unless tasks were started in it before. */
async function lookAtUnused(config: Config): Promise<Finding> {
  const notUsed = `not used (TRAINYARD_ISOLATION=${config.isolation})`;
  await stat(config.home).catch(() => {});
  try {
    const { engine } = await openDocker(config, patienceMs);
    const { version } = await engine.describe();
    return fine('Docker', `${version}, ${notUsed}.`);
  } catch (error) {
    const { message, hint = '' } = toTaskError(error);
    if (!hasUsedDocker(config.home)) return fine('Docker', `${message} It is ${notUsed}.`);
    return warning('Docker', `${message} Tasks of this home ran in it before.`, hint);
  }
}
