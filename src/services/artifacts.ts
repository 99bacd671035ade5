import type { Caller } from '../core/caller.ts';
import { UserError } from '../core/errors.ts';
import type { Artifact, ArtifactFiles, ByteRange, Resource } from '../core/resource.ts';
import { type Catalogue, resourceKindSchema } from '../core/task.ts';
import type { UploadRequest, UploadState, Uploads } from '../core/upload.ts';
import type { Executor } from '../executor/executor.ts';
import type { Journal } from '../executor/journal/journal.ts';
import type { OwnedResource } from '../executor/journal/resources.ts';
import { type Lineage, lineageOf } from './lineage.ts';
import { refuseInUse, removeResource } from './remove-resource.ts';

/** What a list shows of each resource. */
export interface ResourceInfo {
  resource_id: string;
  kind: Resource['kind'];
  /** When the caller first had it. */
  since: string;
  files: Artifact[];
  /** Bytes of all files. */
  bytes: number;
  metadata: Resource['metadata'];
  made_by: { pipeline_id: string; task_id: string; task_name: string } | null;
  /** What was uploaded, by the name that the caller gave it. */
  uploaded: { name: string; at: string } | null;
}

/** A file, or a part of it, on its way to the caller. */
export interface Download {
  resource_id: string;
  path: string;
  sha256: string;
  /** Stands for the whole file's content, in quotes as HTTP has it. */
  etag: string;
  /** Of the whole file. */
  bytes: number;
  /** What part comes; null: all of it. */
  range: ByteRange | null;
  /**
   * It breaks with TerminalError `artifact_damaged` where the file is another one than was stored: of a whole file the
   * last bytes are held back until that is known.
   */
  content: AsyncIterable<Uint8Array>;
}

export interface DownloadRequest {
  /** Which of the resource's files; need not be said where it has one alone. */
  path?: string | undefined;
  /** From byte `start`, 0 being the first, to `end` inclusive; without `end`, or with one beyond it, to the last. */
  range?: { start: number; end?: number | undefined } | undefined;
}

type Owner = Pick<Caller, 'userId'>;

/** Operations on uploads and on what uploads and runs have made. What is not the caller's is as if it did not exist. */
export interface ArtifactService {
  /** @throws UserError `wrong_name`, `wrong_input`, `upload_too_large`; RetryableError `disk_full`. */
  beginUpload(caller: Owner, request: UploadRequest): Promise<UploadState>;
  /**
   * Adds a piece, which may break off at any byte.
   * @throws UserError `wrong_offset`, whose hint tells the right one, `upload_too_large`, `upload_finished`,
   *   `upload_taken_over`, `upload_broken_off`, `unknown_upload`; RetryableError `disk_full`
   */
  appendUpload(caller: Owner, uploadId: string, offset: number, piece: AsyncIterable<Uint8Array>): Promise<UploadState>;
  /** Where to go on, and what it became. @throws UserError `unknown_upload`. */
  uploadState(caller: Owner, uploadId: string): Promise<UploadState>;
  /**
   * Checks the whole and makes it a resource, which inputs can name by its id. May be asked again.
   * @throws UserError `upload_incomplete`, `hash_mismatch`, `wrong_archive`; RetryableError `disk_full`
   */
  finishUpload(caller: Owner, uploadId: string): Promise<ResourceInfo>;
  abandonUpload(caller: Owner, uploadId: string): Promise<void>;
  /** The latest first; the cursor is the id of the last one shown. */
  list(
    caller: Owner,
    options?: { kind?: string | undefined; limit?: number | undefined; cursor?: string | undefined },
  ): { resources: ResourceInfo[]; next_cursor: string | null };
  /** @throws UserError `unknown_resource`. So do the following. */
  info(caller: Owner, resourceId: string): ResourceInfo;
  lineage(caller: Owner, resourceId: string): Lineage;
  /**
   * @throws UserError `which_file`, `unknown_file`, `wrong_range`
   * @throws TerminalError `artifact_damaged`, `artifact_missing`
   */
  download(caller: Owner, resourceId: string, request?: DownloadRequest): Promise<Download>;
  /** Also its files, unless another resource has them. @throws UserError `resource_in_use`. */
  remove(caller: Owner, resourceId: string): { resource_id: string; freed_bytes: number };
}

export interface ArtifactServiceOptions {
  catalogue: Catalogue;
  journal: Journal;
  executor: Pick<Executor, 'run'>;
  files: ArtifactFiles;
  uploads: Uploads;
  /** Gives a kept resource up once the journal has it. */
  release: (resource: Resource) => void;
}

const listLimit = 200;

export function createArtifactService(options: ArtifactServiceOptions): ArtifactService {
  const { catalogue, journal, executor, files, uploads, release } = options;

  function owned({ userId }: Owner, resourceId: string): OwnedResource {
    const resource = journal.ownedResource(userId, resourceId);
    if (resource !== undefined) return resource;
    throw new UserError('unknown_resource', `There is no resource "${resourceId}".`, {
      hint: 'trainyard artifacts lists those that there are.',
    });
  }

  return {
    beginUpload: ({ userId }, request) => uploads.begin(userId, request),
    appendUpload: ({ userId }, uploadId, offset, piece) => uploads.append(userId, uploadId, offset, piece),
    uploadState: ({ userId }, uploadId) => uploads.state(userId, uploadId),
    abandonUpload: ({ userId }, uploadId) => uploads.abandon(userId, uploadId),

    async finishUpload(caller, uploadId) {
      const { userId } = caller;
      const { state, resource } = await uploads.finish(userId, uploadId);
      if (resource === undefined) return infoOf(owned(caller, state.resource_id ?? ''));
      try {
        journal.append([{ type: 'resource_uploaded', user_id: userId, name: state.name, resource }]);
      } finally {
        release(resource);
      }
      await uploads.settle(userId, uploadId, resource.resource_id);
      return infoOf(owned(caller, resource.resource_id));
    },

    list({ userId }, { kind, limit = listLimit, cursor } = {}) {
      const most = Math.min(limit, listLimit);
      const found = journal.ownedResources({ userId, kind: kindOf(kind), limit: most + 1, before: cursor });
      const resources = found.slice(0, most).map(infoOf);
      return { resources, next_cursor: found.length > most ? (resources.at(-1)?.resource_id ?? null) : null };
    },

    info: (caller, resourceId) => infoOf(owned(caller, resourceId)),
    lineage: (caller, resourceId) => lineageOf(owned(caller, resourceId), journal, catalogue),

    async download(caller, resourceId, { path, range } = {}) {
      const file = chosenFile(owned(caller, resourceId), path);
      const part = range === undefined ? undefined : within(range, file);
      return {
        resource_id: resourceId,
        ...file,
        etag: `"${file.sha256}"`,
        range: part ?? null,
        content: await files.open(file, part),
      };
    },

    remove(caller, resourceId) {
      const { userId } = caller;
      const resource = owned(caller, resourceId);
      refuseInUse(journal, executor, userId, resourceId);
      return { resource_id: resourceId, freed_bytes: removeResource(journal, files, userId, resource) };
    },
  };
}

function infoOf({ resource_id, kind, since, artifacts, metadata, made_by, uploaded_as }: OwnedResource): ResourceInfo {
  const { pipeline_id = '', task_id = '', task_name = '' } = made_by ?? {};
  return {
    resource_id,
    kind,
    since,
    files: artifacts,
    bytes: artifacts.reduce((sum, { bytes }) => sum + bytes, 0),
    metadata,
    made_by: made_by === undefined ? null : { pipeline_id, task_id, task_name },
    uploaded: uploaded_as === undefined ? null : { name: uploaded_as, at: since },
  };
}

function kindOf(kind: string | undefined): Resource['kind'] | undefined {
  if (kind === undefined) return undefined;
  const parsed = resourceKindSchema.safeParse(kind);
  if (parsed.success) return parsed.data;
  throw new UserError('wrong_input', `There are no resources of the kind "${kind}".`, {
    hint: `The kinds are ${resourceKindSchema.options.join(', ')}.`,
  });
}

function chosenFile({ resource_id, artifacts }: Resource, path: string | undefined): Artifact {
  const [first, second] = artifacts;
  if (path === undefined && first !== undefined && second === undefined) return first;
  const file = artifacts.find((artifact) => artifact.path === path);
  if (file !== undefined) return file;
  const hint = `Its files are ${artifacts
    .slice(0, 10)
    .map((artifact) => artifact.path)
    .join(', ')}.`;
  if (path === undefined) throw new UserError('which_file', `${resource_id} has several files.`, { hint });
  throw new UserError('unknown_file', `${resource_id} has no file "${path}".`, { hint });
}

function within({ start, end = Infinity }: NonNullable<DownloadRequest['range']>, { bytes }: Artifact): ByteRange {
  const last = Math.min(end, bytes - 1);
  if (Number.isSafeInteger(start) && Number.isSafeInteger(last) && start >= 0 && start <= last) {
    return { start, end: last };
  }
  throw new UserError('wrong_range', `The file has ${bytes} bytes: there is no such part of it.`);
}
