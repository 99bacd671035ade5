import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream, rmSync } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { pipeline as stream } from 'node:stream/promises';
import { TerminalError } from '../core/errors.ts';
import type { Artifact, ArtifactFiles, ArtifactStore, Resource } from '../core/resource.ts';
import { resourcePrefixes } from '../core/task.ts';
import { createArtifactReader, damagedName } from './artifact-reader.ts';
import { createClaims } from './claims.ts';

/**
 * Files by their SHA-256 on the local disk.
 * @param onDamage told of each file that is found to be another one than was stored
 */
export function createArtifactStore(
  directory: string,
  onDamage: (error: TerminalError) => void = () => {},
): ArtifactStore & ArtifactFiles {
  const pathOf = ({ sha256 }: { sha256: string }) => join(directory, sha256.slice(0, 2), sha256);
  const claims = createClaims();

  async function keepFile(root: string, file: string, known: ReadonlyMap<string, string>): Promise<Artifact> {
    const path = relative(root, file).split(sep).join('/');
    const sha256 = known.get(path) ?? (await hashFile(file));
    const { size } = await stat(file);
    // Before it is looked for: from now on it stays.
    claims.add(sha256);
    const target = pathOf({ sha256 });
    if ((await sizeOf(target)) !== size) await putInto(file, target);
    return { path, sha256, bytes: size };
  }

  async function keepAll(root: string, known: ReadonlyMap<string, string>): Promise<Artifact[]> {
    const files = await plainFiles(root).catch(unreadable);
    const artifacts: Artifact[] = [];
    try {
      for (const file of files.sort()) artifacts.push(await keepFile(root, file, known));
      return artifacts;
    } catch (error) {
      for (const { sha256 } of artifacts) claims.drop(sha256);
      throw error;
    }
  }

  function removeUnnamed(files: readonly Artifact[], isNamed: (sha256: string) => boolean): number {
    let bytes = 0;
    for (const file of files) {
      // Nothing can come in between: whoever keeps it says so before looking for it.
      if (claims.has(file.sha256) || isNamed(file.sha256)) continue;
      rmSync(pathOf(file), { force: true });
      rmSync(damagedName(pathOf(file)), { force: true });
      bytes += file.bytes;
    }
    return bytes;
  }

  return {
    pathOf,
    open: createArtifactReader(pathOf, onDamage),
    removeUnnamed,

    async keep({ kind, path, metadata }, known = new Map()) {
      const artifacts = await keepAll(path, known);
      const identity = JSON.stringify([kind, artifacts.map(({ path: name, sha256 }) => [name, sha256])]);
      const digest = createHash('sha256').update(identity).digest('hex');
      return {
        resource_id: `${resourcePrefixes[kind]}_${digest.slice(0, 16)}`,
        kind,
        artifacts,
        metadata: metadata as Resource['metadata'],
      };
    },

    release({ artifacts }) {
      for (const { sha256 } of artifacts) claims.drop(sha256);
    },

    async layOut(resource, folder) {
      for (const artifact of resource.artifacts) {
        const target = join(folder, artifact.path);
        await mkdir(dirname(target), { recursive: true });
        await linkOrCopy(pathOf(artifact), target);
      }
    },

    async sweep(isNamed, olderThanMs) {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
      let bytes = 0;
      for (const { name, parentPath } of entries.filter((entry) => entry.isFile())) {
        const path = join(parentPath, name);
        const info = await stat(path).catch(() => undefined);
        if (info === undefined || Date.now() - info.ctimeMs < olderThanMs) continue;
        const [sha256 = '', more] = name.split('.');
        if (more === undefined || more === 'damaged') {
          bytes += removeUnnamed([{ path: name, sha256, bytes: info.size }], isNamed);
        } else if (!claims.has(sha256)) await rm(path, { force: true });
      }
      return bytes;
    },
  };
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await stream(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Every plain file below a folder; a link could lead out of it and is refused. */
async function plainFiles(folder: string): Promise<string[]> {
  const info = await lstat(folder);
  if (!info.isDirectory()) throw notPlain(folder);
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = await Promise.all(
    entries.map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return plainFiles(path);
      if (entry.isFile()) return [path];
      throw notPlain(path);
    }),
  );
  return nested.flat();
}

/** What lies there is what the task has left. */
function unreadable(error: NodeJS.ErrnoException): never {
  if (error instanceof TerminalError || !unreadableCodes.has(error.code)) throw error;
  throw new TerminalError(
    'artifact_unreadable',
    `An artifact cannot be read, so nothing was stored: ${error.message}`,
    {
      hint: 'The task itself is at fault: it names or closes its files in a way that nobody can open them.',
      cause: error,
    },
  );
}

const unreadableCodes: ReadonlySet<unknown> = new Set(['ENOENT', 'ENAMETOOLONG', 'EACCES', 'EPERM']);

function notPlain(path: string): TerminalError {
  return new TerminalError('artifact_not_plain', `${path} is neither a plain file nor a folder; it was not stored.`);
}

/** A temporary name first, so that a name in the store means whole content. */
async function putInto(file: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${target}.${randomUUID()}`;
  try {
    await linkOrCopy(file, temporary);
    await sync(temporary);
    await chmod(temporary, 0o444);
    await rename(temporary, target);
    await rm(damagedName(target), { force: true });
    await sync(dirname(target));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The journal is to name nothing that a power failure may take away again. */
async function sync(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function linkOrCopy(source: string, target: string): Promise<void> {
  await link(source, target).catch(() => copyFile(source, target, constants.COPYFILE_FICLONE));
}

/** Undefined where there is none. What is there with another size was cut short, as by a power failure. */
async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
