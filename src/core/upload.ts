import type { Resource } from './resource.ts';

/** What is known of an upload before its first byte. */
export interface UploadRequest {
  /** Of the file, without folders. A name that ends in .zip, .tar, .tar.gz or .tgz is that of an archive. */
  name: string;
  /** How long the file is. */
  bytes?: number | undefined;
  /** Of the whole file, 64 hexadecimal digits: it is checked at the end. */
  sha256?: string | undefined;
}

export interface UploadState extends UploadRequest {
  upload_id: string;
  /** Bytes that are safe on the disk: where the next piece begins. */
  offset: number;
  /** What it became; then nothing can be added any more. */
  resource_id?: string;
}

/** Files on their way into the store: they arrive in pieces, and go on where they were after whatever broke. */
export interface Uploads {
  /**
   * @throws UserError `wrong_name`, `wrong_input`, `upload_too_large`
   * @throws RetryableError `disk_full` where it could not be held
   */
  begin(userId: string, request: UploadRequest): Promise<UploadState>;
  /**
   * Adds a piece. It may break off at any byte: what has come is kept. A newer piece ends one that is still coming.
   * @param offset where it begins, which is where the last one ended
   * @throws UserError `wrong_offset`, `upload_too_large`, `upload_finished`, `upload_taken_over`,
   *   `upload_broken_off`, `unknown_upload`
   * @throws RetryableError `disk_full`
   */
  append(userId: string, uploadId: string, offset: number, piece: AsyncIterable<Uint8Array>): Promise<UploadState>;
  /** @throws UserError `unknown_upload`, for those of other users, too. */
  state(userId: string, uploadId: string): Promise<UploadState>;
  /**
   * Checks the whole and keeps it in the store: a file as it is, an archive as the folder that it holds. It may be done
   * again, and is not over before `settle`; after that there is no resource but its id in the state.
   * @throws UserError `upload_incomplete`, `hash_mismatch`, `wrong_archive`; the upload stays as it is
   */
  finish(userId: string, uploadId: string): Promise<{ state: UploadState; resource?: Resource }>;
  /** What it became is in the journal: its bytes go, and its state tells the resource until it is forgotten. */
  settle(userId: string, uploadId: string, resourceId: string): Promise<void>;
  /** Removes it, whatever is under way. */
  abandon(userId: string, uploadId: string): Promise<void>;
  /** Removes those that nobody has touched for so long. Returns how many. */
  removeForgotten(olderThanMs: number): Promise<number>;
}
