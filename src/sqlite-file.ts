import Database from 'better-sqlite3';
import { UserError } from './core/errors.ts';

const causes: Record<string, string> = {
  SQLITE_NOTADB: 'is damaged',
  SQLITE_CORRUPT: 'is damaged',
  SQLITE_CANTOPEN: 'cannot be opened',
  SQLITE_READONLY: 'cannot be written',
  SQLITE_FULL: 'cannot be written: the disk is full',
};

/**
 * Opens a database file; what is wrong with the file itself is said with its name.
 * @param loss what moving the file away would lose, for the hint.
 * @throws UserError `database_unusable`.
 */
export function openFile<T>(file: string, loss: string, open: (file: string) => T): T {
  try {
    return open(file);
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    const why = typeof code === 'string' ? causes[code] : undefined;
    if (why === undefined) throw cause;
    throw new UserError('database_unusable', `${file} ${why}.`, {
      hint: `Check the disk and the permissions. Moving a damaged file away lets Trainyard start anew and loses ${loss}.`,
      cause,
    });
  }
}

/**
 * Says of a file that is opened later what would fail then.
 * @throws UserError as `openFile` does.
 */
export function checkFile(file: string, loss: string): void {
  openFile(file, loss, () => {
    const db = new Database(file);
    try {
      db.pragma('schema_version');
    } finally {
      db.close();
    }
  });
}
