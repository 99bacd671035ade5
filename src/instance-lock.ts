import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { UserError } from './core/errors.ts';

const serverSchema = z.object({
  pid: z.int(),
  url: z.string(),
  /** Who can read the file owns the home, and with it all there is: nothing more is asked of that one. */
  secret: z.string().optional(),
});
/** Who serves a home folder, and where. */
export type ServerAddress = z.infer<typeof serverSchema>;

export interface InstanceLock {
  announce(server: ServerAddress): void;
  release(): void;
}

/**
 * Makes this process the only one that works on a home folder, until it ends in whatever way: the lock is
 * SQLite's own on a file, which the operating system drops with the process.
 * @throws UserError `already_running` with the other's address.
 */
export function lockInstance(home: string): InstanceLock {
  const db = new Database(join(home, 'lock.sqlite'), { timeout: 0 });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    if ((cause as { code?: unknown }).code !== 'SQLITE_BUSY') throw cause;
    const server = readServerAddress(home);
    const where = server === undefined ? '' : ` (process ${server.pid}, ${server.url})`;
    throw new UserError('already_running', `Another Trainyard works on ${home}${where}.`, {
      hint: 'Use that one, stop it, or set TRAINYARD_HOME to another folder.',
      cause,
    });
  }
  const addressFile = join(home, 'server.json');
  return {
    announce(server) {
      rmSync(addressFile, { force: true });
      writeFileSync(addressFile, JSON.stringify(server), { mode: 0o600 });
    },
    release() {
      rmSync(addressFile, { force: true });
      db.close();
    },
  };
}

/** The server of a home folder, where it answers. */
export async function findServer(home: string): Promise<ServerAddress | undefined> {
  const address = readServerAddress(home);
  if (address === undefined) return undefined;
  const answer = await fetch(`${address.url}/healthz`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
  return answer?.ok ? address : undefined;
}

/** The address that the last server of a home folder announced; it may have ended since. */
export function readServerAddress(home: string): ServerAddress | undefined {
  try {
    return serverSchema.parse(JSON.parse(readFileSync(join(home, 'server.json'), 'utf8')));
  } catch {
    return undefined;
  }
}
