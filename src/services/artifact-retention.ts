import { setTimeout as sleep } from 'node:timers/promises';
import type { ArtifactFiles } from '../core/resource.ts';
import type { Uploads } from '../core/upload.ts';
import type { Executor } from '../executor/executor.ts';
import type { Journal } from '../executor/journal/journal.ts';
import { removeResource, usesOf } from './remove-resource.ts';

export interface ArtifactRetentionOptions {
  journal: Journal;
  executor: Pick<Executor, 'run'>;
  files: ArtifactFiles;
  uploads: Uploads;
  /** Days that a resource is kept since it or the last thing made from it; undefined: for ever. */
  keepDays: number | undefined;
  onBug: (error: unknown) => void;
  /** Default: the system's, in ms since 1970. */
  now?: () => number;
}

const hourMs = 3600 * 1000;
const dayMs = 24 * hourMs;
/** After so long nobody goes on with an upload, nor comes to name what lies in the store. */
const forgottenMs = dayMs;

/**
 * Looks once: uploads that nobody goes on with go, and resources that are too old and that nothing needs, with the
 * files that nothing names any more.
 */
export async function keepArtifactsDown(options: ArtifactRetentionOptions): Promise<void> {
  const { journal, executor, files, uploads, keepDays, now = Date.now } = options;
  await uploads.removeForgotten(forgottenMs);
  if (keepDays !== undefined) {
    const before = new Date(now() - keepDays * dayMs).toISOString();
    const used = () => new Set([...usesOf(journal, executor)].flatMap(([, ids]) => [...ids].map(String)));
    for (let next = journal.expiredResource(before, used()); next !== undefined; ) {
      const resource = journal.ownedResource(next.user_id, next.resource_id);
      if (resource !== undefined) removeResource(journal, files, next.user_id, resource);
      await new Promise(setImmediate);
      next = journal.expiredResource(before, used());
    }
  }
  await files.sweep(journal.isFileNamed, forgottenMs);
}

/** Looks at once and then each hour. @returns what ends it */
export function startArtifactRetention(options: ArtifactRetentionOptions): () => Promise<void> {
  const stop = new AbortController();

  async function lookEachHour(): Promise<void> {
    while (!stop.signal.aborted) {
      await keepArtifactsDown(options).catch(options.onBug);
      await sleep(hourMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
    }
  }

  const looking = lookEachHour();
  return () => {
    stop.abort();
    return looking;
  };
}
