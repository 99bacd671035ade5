import type Database from 'better-sqlite3';

const rowsAStatement = 64;

/**
 * Inserts many rows with few statements: a statement costs more than a row.
 * @returns takes the values of all rows, one row after the other.
 */
export function prepareInsert(
  db: Database.Database,
  into: string,
  columns: number,
): (values: readonly unknown[]) => void {
  const row = `(${Array.from({ length: columns }, () => '?').join(', ')})`;
  const prepare = (rows: number) =>
    db.prepare(`INSERT INTO ${into} VALUES ${Array.from({ length: rows }, () => row).join(', ')}`);
  const one = prepare(1);
  const many = prepare(rowsAStatement);
  const manyValues = rowsAStatement * columns;

  return (values) => {
    let next = 0;
    for (; next + manyValues <= values.length; next += manyValues) many.run(values.slice(next, next + manyValues));
    for (; next < values.length; next += columns) one.run(values.slice(next, next + columns));
  };
}
