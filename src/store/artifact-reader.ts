import { createHash } from 'node:crypto';
import { createReadStream, existsSync, renameSync, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { TerminalError } from '../core/errors.ts';
import type { Artifact, ArtifactFiles, ByteRange } from '../core/resource.ts';

const pieceBytes = 64 * 1024;
const stampsKept = 10_000;

/** What a file of the store is called once it has been found damaged, out of everybody's way. */
export function damagedName(path: string): string {
  return `${path}.damaged`;
}

/** Reads files of the store and looks whether they are still what was stored. */
export function createArtifactReader(
  pathOf: (artifact: Artifact) => string,
  onDamage: (error: TerminalError) => void,
): ArtifactFiles['open'] {
  /** How each file looked when it was last found right, by its hash. */
  const stamps = new Map<string, string>();

  /** What equal content is stored again takes its place; the damaged file stays beside it until then. */
  function damaged(artifact: Artifact): TerminalError {
    const path = pathOf(artifact);
    if (existsSync(path)) renameSync(path, damagedName(path));
    const error = isDamaged(artifact);
    onDamage(error);
    return error;
  }

  /** How a file looks that is there with the right size. */
  async function look(artifact: Artifact): Promise<string> {
    const path = pathOf(artifact);
    const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      throw existsSync(damagedName(path)) ? isDamaged(artifact) : isMissing(artifact);
    });
    if (info.size !== artifact.bytes) throw damaged(artifact);
    return stampOf(info);
  }

  /** The last piece is held back until all of them are known to be right. */
  async function* readWhole(artifact: Artifact, stamp: string): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let held: Uint8Array | undefined;
    for await (const piece of createReadStream(pathOf(artifact), { highWaterMark: pieceBytes })) {
      if (held !== undefined) yield held;
      held = piece as Uint8Array;
      hash.update(held);
    }
    if (hash.digest('hex') !== artifact.sha256) throw damaged(artifact);
    if (stamps.size >= stampsKept) stamps.clear();
    stamps.set(artifact.sha256, stamp);
    if (held !== undefined) yield held;
  }

  async function* readPart(artifact: Artifact, { start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    yield* createReadStream(pathOf(artifact), { start, end, highWaterMark: pieceBytes });
  }

  return async (artifact, range) => {
    const stamp = await look(artifact);
    if (range === undefined) return readWhole(artifact, stamp);
    if (stamps.get(artifact.sha256) !== stamp) for await (const _ of readWhole(artifact, stamp));
    return readPart(artifact, range);
  };
}

function stampOf({ ino, size, mtimeMs }: Stats): string {
  return [ino, size, mtimeMs].join('/');
}

function isDamaged({ path, sha256 }: Artifact): TerminalError {
  return new TerminalError('artifact_damaged', `${path} is damaged on the disk: it is not what was stored.`, {
    hint: 'Upload it again, or run the task again that made it: that mends it.',
    cause: new Error(`The content of ${sha256} has another hash.`),
  });
}

function isMissing({ path }: Artifact): TerminalError {
  return new TerminalError('artifact_missing', `${path} is not in the store any more.`, {
    hint: 'Upload it again, or run the task again that made it.',
  });
}
