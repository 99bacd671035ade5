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

/** Files by their SHA-256 and resources made of them. */
export interface ArtifactStore {
  /**
   * Keeps every file of a folder, which is read-only from then on. The id is a hash of kind, paths and
   * contents, so that equal files are one resource. May be done again after a crash.
   * @throws TerminalError for links and other things that are not plain files.
   */
  keep(folder: ResourceFolder): Promise<Resource>;
  /** Lays a resource's files into a new folder, read-only and without copying where the disk allows. */
  layOut(resource: Resource, folder: string): Promise<void>;
  /** Path of one artifact's content, for reading. */
  pathOf(artifact: Artifact): string;
}
