import type Database from 'better-sqlite3';

const rowsAStatement = 64;

/** Inserts many rows with few statements: a statement costs more than a row. */
export function prepareInsert(
  db: Database.Database,
  into: string,
  columns: number,
): (rows: readonly (readonly unknown[])[]) => void {
  const row = `(${Array.from({ length: columns }, () => '?').join(', ')})`;
  const prepare = (rows: number) =>
    db.prepare(`INSERT INTO ${into} VALUES ${Array.from({ length: rows }, () => row).join(', ')}`);
  const one = prepare(1);
  const many = prepare(rowsAStatement);

  return (rows) => {
    let next = 0;
    for (; next + rowsAStatement <= rows.length; next += rowsAStatement) {
      many.run(rows.slice(next, next + rowsAStatement).flat());
    }
    for (; next < rows.length; next += 1) one.run(rows[next]);
  };
}
