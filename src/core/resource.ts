import { z } from 'zod';
import { type ResourceFolder, resourceKindSchema } from './task.ts';

/** A file of the store: reached by its hash, never by a path. */
export const artifactSchema = z.object({
  /** Where it stands among the resource's files, with `/`. */
  path: z.string(),
  sha256: z.string(),
  bytes: z.number().int().nonnegative(),
});
export type Artifact = z.infer<typeof artifactSchema>;

/** What a task returned by id: its files with what the task said of them. */
export const resourceSchema = z.object({
  resource_id: z.string(),
  kind: resourceKindSchema,
  artifacts: z.array(artifactSchema),
  metadata: z.record(z.string(), z.json()),
});
export type Resource = z.infer<typeof resourceSchema>;

/** Bytes of a file, both counted from 0 and within it. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Files by their SHA-256 and resources made of them. */
export interface ArtifactStore {
  /**
   * Keeps every file of a folder, which is read-only from then on. The id is a hash of kind, paths and
   * contents, so that equal files are one resource. May be done again after a crash. Nothing of it is removed before
   * `release`: until then the journal does not name it.
   * @param known hashes that need not be computed, by path within the folder
   * @throws TerminalError for links and other things that are not plain files.
   */
  keep(folder: ResourceFolder, known?: ReadonlyMap<string, string>): Promise<Resource>;
  /** The journal names it now. */
  release(resource: Resource): void;
  /** Lays a resource's files into a new folder, read-only and without copying where the disk allows. */
  layOut(resource: Resource, folder: string): Promise<void>;
  /** Path of one artifact's content, for reading. */
  pathOf(artifact: Artifact): string;
}

/** What is done with the files of the store by those who have them, rather than by tasks. */
export interface ArtifactFiles {
  /**
   * The bytes of a file, or of a part. What comes to its end is what was stored: the last piece of a whole file comes
   * when its hash has been found right, and a part only of a file that has been read whole since it changed.
   * @throws TerminalError `artifact_damaged`, also while it is read; `artifact_missing`
   */
  open(artifact: Artifact, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>;
  /** Removes the content of files that nothing names and nobody is just keeping. Returns how many bytes went. */
  removeUnnamed(files: readonly Artifact[], isNamed: (sha256: string) => boolean): number;
  /** The same for all that has lain in the store for so long, and what a crash left there. */
  sweep(isNamed: (sha256: string) => boolean, olderThanMs: number): Promise<number>;
}
