import type { Config } from '../config.ts';
import { checkDocker } from './docker.ts';
import { type Check, type Finding, findAll } from './finding.ts';
import { checkGpus, readUsedGpus } from './gpus.ts';
import { checkHub, checkToken } from './hub.ts';
import { checkMachine, checkNode } from './machine.ts';
import { checkModelServer } from './model-server.ts';
import { checkDisk, checkHome, checkPort } from './place.ts';
import { checkPython } from './python.ts';

/** A daemon or a driver that hangs has more than one question to leave open. */
const limitMs = 12_000;

/** Looks at everything that this configuration needs. Never rejects, and changes nothing. */
export function examine(config: Config): Promise<Finding[]> {
  const gpus = readUsedGpus(config);
  // The check of the GPUs says what is wrong with them; it may have given up by then.
  gpus.catch(() => {});
  const checks: Check[] = [
    { name: 'Node', look: checkNode },
    { name: 'home', look: () => checkHome(config) },
    { name: 'disk', look: () => checkDisk(config) },
    { name: 'port', look: () => checkPort(config) },
    { name: 'machine', look: () => checkMachine(config) },
    { name: 'GPU', look: () => checkGpus(config, gpus) },
    { name: 'Docker', look: () => checkDocker(config, gpus) },
    { name: 'Python', look: () => checkPython(config) },
    { name: 'model', look: () => checkModelServer(config) },
    { name: 'hub', look: () => checkHub(config) },
    { name: 'HF_TOKEN', look: async () => checkToken(config) },
  ];
  return findAll(checks, limitMs);
}
