/** One thing that an archive holds, by its own words: nothing of it has been checked. */
export interface ArchiveEntry {
  /** With `/` between its parts. */
  path: string;
  type: 'file' | 'folder' | 'other';
  /** Bytes of a file, unpacked. Reading fails where it is damaged. */
  open(): Promise<AsyncIterable<Uint8Array>>;
}

/** What an archive holds, one after the other; an entry can be opened until the next one is asked for. */
export type ReadArchive = (file: string) => AsyncIterable<ArchiveEntry>;
