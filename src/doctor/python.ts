import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { runtimeDirectory } from '../isolation.ts';
import { findMadeEnvironment, findMadeUv, isSupportedPython, supportedPython } from '../runners/python-environment.ts';
import { type Finding, failing, fine, warning } from './finding.ts';
import { findProgram } from './programs.ts';

const answerMs = 8000;
/** Names that uv finds a Python by, the usual one first. */
const names = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];
/** What tasks import. */
const libraries = ['torch', 'transformers', 'peft', 'datasets', 'accelerate', 'torchao'];
const installers = ['ensurepip', 'pip'];

const program = `import importlib.util, json, platform, sys
found = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
print(json.dumps({"version": platform.python_version(), "modules": found}))`;
const pythonSchema = z.object({ version: z.string(), modules: z.array(z.string()) });
type Python = z.infer<typeof pythonSchema> & { name: string };

/** The Python that tasks run in, or that their environment is made with; none where they run in Docker. */
export async function checkPython(config: Config): Promise<Finding[]> {
  const { isolation, home, toolEnvironment } = config;
  if (isolation === 'docker') return [];
  if (isolation === 'process') return [ofMachine(await askPython('python3', toolEnvironment))];
  await stat(home).catch(() => {});
  const made = await findMadeEnvironment({ stateDir: home, runtimeDir: runtimeDirectory });
  if (made !== undefined) return [ofEnvironment(made.folder, await askPython(made.python, toolEnvironment))];
  const there = names.filter((name) => findProgram(name, toolEnvironment.PATH) !== undefined);
  const answers = await Promise.all(there.map((name) => askPython(name, toolEnvironment)));
  const pythons = answers.filter((python) => python !== undefined);
  return [toMakeWith(pythons, findMadeUv(home, toolEnvironment) !== undefined)];
}

/** It rests on the Python that it was made with, which an update of the machine may have taken away. */
function ofEnvironment(folder: string, python: Python | undefined): Finding {
  if (python !== undefined) return fine('Python', `${python.version}; the environment for tasks is made.`);
  return failing(
    'Python',
    `The environment for tasks does not run: ${folder}.`,
    'Remove it; the next run makes it anew.',
  );
}

const toInstall = 'Install Python 3.10 or newer (Debian and Ubuntu: apt-get install python3 python3-venv python3-pip).';

function toMakeWith(pythons: readonly Python[], hasUv: boolean): Finding {
  const python = pythons.find(({ version }) => isSupportedPython(version));
  if (python === undefined) {
    const has = pythons[0] === undefined ? 'None is found' : `${pythons[0].version} is found`;
    const found = `${has}, and ${supportedPython} is needed.`;
    return hasUv ? warning('Python', found, `${toInstall} uv may know one.`) : failing('Python', found, toInstall);
  }
  const made = 'the first run makes the environment for tasks, which takes a few minutes and 1.5 GB (6 GB with CUDA).';
  const found = `${python.version} (${python.name}); ${made}`;
  // uv itself comes by pip, of the Python that is named python3.
  const canInstall = hasUv || pythons.some(({ name, modules }) => name === 'python3' && modules.length > 0);
  if (canInstall) return fine('Python', found);
  return failing(
    'Python',
    `${python.version} (${python.name}) has neither venv nor pip, and there is no uv.`,
    toInstall,
  );
}

function ofMachine(python: Python | undefined): Finding {
  if (python === undefined) return failing('Python', 'There is no python3.', toInstall);
  const missing = libraries.filter((name) => !python.modules.includes(name));
  if (missing.length === 0) return fine('Python', `${python.version}, with the libraries of tasks.`);
  return failing(
    'Python',
    `${python.version} lacks ${missing.join(', ')}.`,
    'Install them as tasks/runtime/requirements.lock has them, or set TRAINYARD_ISOLATION=venv, which does it by itself.',
  );
}

/** Undefined for one that does not run. */
async function askPython(name: string, env: Config['toolEnvironment']): Promise<Python | undefined> {
  const answer = await promisify(execFile)(name, ['-c', program, ...installers, ...libraries], {
    env,
    timeout: answerMs,
  }).catch(() => undefined);
  if (answer === undefined) return undefined;
  return { name, ...pythonSchema.parse(JSON.parse(answer.stdout)) };
}
