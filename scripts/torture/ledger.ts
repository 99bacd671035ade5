import { closeSync, openSync, readSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';

export const ledgerFile = (home: string) => join(home, 'ledger.jsonl');

/** Calls back for each fact that tasks enter in the ledger from now on, as soon as it is there. */
export function followLedger(home: string, onFact: (fact: 'began' | 'ended') => void): Disposable {
  const file = openSync(ledgerFile(home), 'r');
  const buffer = Buffer.alloc(64 * 1024);
  let offset = statSync(ledgerFile(home)).size;
  const watcher = watch(ledgerFile(home), () => {
    const bytes = readSync(file, buffer, 0, buffer.length, offset);
    offset += bytes;
    // Each line is appended whole, and names its fact once.
    for (const [, fact] of buffer.toString('utf8', 0, bytes).matchAll(/"fact":"(began|ended)"/g)) {
      onFact(fact as 'began' | 'ended');
    }
  });
  return {
    [Symbol.dispose]() {
      watcher.close();
      closeSync(file);
    },
  };
}
