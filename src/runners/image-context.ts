import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../core/errors.ts';
import { installerEnvironment, torchVersion } from './python-environment.ts';
import { runtimeFiles } from './runtime-files.ts';
import { shellWord } from './shell-word.ts';

type Variables = Readonly<Record<string, string>>;

/** What an image is made by, beside the runtime's own files. */
export const recipeFiles = ['Dockerfile', 'image/install.sh', 'image/further.Dockerfile'];

interface ContextOptions {
  /** Where the folder is made. */
  parent: string;
  runtimeDirectory: string;
  /** The environment of pip and uv. */
  toolEnvironment: Variables;
}

/** A new folder with what the daemon needs to build the image of tasks. Whoever asks for it removes it. */
export function runtimeContext({ torchBackend, ...options }: ContextOptions & { torchBackend: string }): string {
  const { runtimeDirectory, toolEnvironment } = options;
  const context = newContext('Dockerfile', options);
  for (const name of runtimeFiles(runtimeDirectory)) put(context, name, readFileSync(join(runtimeDirectory, name)));
  copyWheels(toolEnvironment, torchBackend, join(context, 'installer', 'wheels'));
  return context;
}

/** The same for an image with further packages. */
export function furtherContext({
  requirements,
  ...options
}: ContextOptions & { requirements: readonly string[] }): string {
  const context = newContext('image/further.Dockerfile', options);
  put(context, 'installer/requirements.txt', `${requirements.join('\n')}\n`);
  return context;
}

/** Nobody else may read it: it holds the settings of pip, and an index may have a password. */
function newContext(dockerfile: string, { parent, runtimeDirectory, toolEnvironment }: ContextOptions): string {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  removeForgotten(parent);
  const context = mkdtempSync(join(parent, 'context-'));
  put(context, 'Dockerfile', readFileSync(join(runtimeDirectory, dockerfile)));
  put(context, 'installer/install.sh', readFileSync(join(runtimeDirectory, 'image', 'install.sh')));
  const { settings, certificates } = installerSettings(toolEnvironment);
  put(context, 'installer/settings', settings);
  if (certificates) put(context, 'installer/certificates.pem', readCertificates(certificates));
  return context;
}

function readCertificates(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new UserError(
      'wrong_configuration',
      `The certificates of SSL_CERT_FILE or PIP_CERT, ${file}, cannot be read.`,
      {
        hint: 'Name a file that is there, or leave the variable out.',
        cause,
      },
    );
  }
}

const forgottenMs = 24 * 3_600_000;

/** What builds have left that were killed. One that is under way is younger. */
function removeForgotten(parent: string): void {
  for (const name of readdirSync(parent)) {
    const folder = join(parent, name);
    if (Date.now() - statSync(folder).mtimeMs > forgottenMs) rmSync(folder, { recursive: true, force: true });
  }
}

/** All may read it in the image, whatever this process's umask is. */
function put(context: string, name: string, content: string | Buffer): void {
  const path = join(context, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, 0o644);
  for (let folder = dirname(path); folder !== context; folder = dirname(folder)) chmodSync(folder, 0o755);
}

const handedOn = [
  /^PIP_(?:INDEX_URL|EXTRA_INDEX_URL|DEFAULT_TIMEOUT|TRUSTED_HOST)$/,
  /^UV_(?:DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|INDEX_STRATEGY|HTTP_TIMEOUT|INSECURE_HOST)$/,
  /^(?:https?|no)_proxy$/i,
];

/** What pip and uv are to know while they install, as lines for a shell. Folders of this machine mean nothing there. */
function installerSettings(environment: Variables): { settings: string; certificates: string | undefined } {
  const certificates = environment.SSL_CERT_FILE || environment.PIP_CERT;
  const isOfHere = (value: string) => value.split(/\s+/).every((part) => /^(?:file:|\/)/.test(part));
  const variables = Object.entries(installerEnvironment(environment)).filter(
    ([name, value]) => value && handedOn.some((pattern) => pattern.test(name)) && !isOfHere(value),
  );
  if (certificates) {
    for (const name of ['PIP_CERT', 'SSL_CERT_FILE']) variables.push([name, '/installer/certificates.pem']);
  }
  const settings = variables.map(([name, value]) => `export ${name}=${shellWord(value ?? '')}\n`).join('');
  return { settings, certificates };
}

/** PyTorch from folders that the user points to, in a build that fits. */
function copyWheels(environment: Variables, backend: string, target: string): void {
  mkdirSync(target, { recursive: true });
  const links = environment.UV_FIND_LINKS || environment.PIP_FIND_LINKS || '';
  for (const folder of links.split(/[\s,]+/).filter((link) => link.startsWith('/'))) {
    for (const name of namesIn(folder)) {
      const fits = name.startsWith(`torch-${torchVersion}+${backend}-`) && /linux.*\.whl$/.test(name);
      if (fits) copyFileSync(join(folder, name), join(target, name));
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
