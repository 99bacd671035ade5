/**
 * Uploads so many MiB and downloads them again, and prints by how many MiB its memory has grown at most:
 * `node memory-of-transfers.ts HOME MIB`.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { createUploads } from '../../src/store/uploads.ts';

const [home = '', mib = '1'] = process.argv.slice(2);
const store = createArtifactStore(join(home, 'artifacts'));
const uploads = createUploads({ directory: join(home, 'uploads'), store });
const pieceBytes = 64 * 1024;

let most = 0;
const look = () => {
  most = Math.max(most, process.memoryUsage.rss());
};

/** Bytes that no two places have alike, made as they are asked for. */
async function* bytesOf(count: number, hash = createHash('sha256')): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += pieceBytes) {
    const piece = Buffer.alloc(pieceBytes, `${at} `);
    hash.update(piece);
    look();
    yield piece;
  }
}

async function transfer(count: number): Promise<{ up: number; down: number }> {
  const hash = createHash('sha256');
  const started = performance.now();
  const { upload_id } = await uploads.begin('ann', { name: `${count}.bin`, bytes: count });
  await uploads.append('ann', upload_id, 0, bytesOf(count, hash));
  const { resource } = await uploads.finish('ann', upload_id);
  const [artifact] = resource?.artifacts ?? [];
  if (artifact?.sha256 !== hash.digest('hex')) throw new Error('It is not what was sent.');
  const arrived = performance.now();
  let bytes = 0;
  for await (const piece of await store.open(artifact)) {
    bytes += piece.length;
    look();
  }
  if (bytes !== count) throw new Error(`${bytes} bytes came back.`);
  return { up: count / (arrived - started) / 1000, down: count / (performance.now() - arrived) / 1000 };
}

// What is loaded and made once is not what is measured.
await transfer(8 * 2 ** 20);
look();
const before = most;
const { up, down } = await transfer(Number(mib) * 2 ** 20);
process.stdout.write(JSON.stringify({ grownMib: (most - before) / 2 ** 20, upMbPerS: up, downMbPerS: down }));
