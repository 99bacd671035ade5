/** Takes up what a killed process left and prints the milliseconds until the first decision. Argument: folder. */
import { openYard } from '../yard.ts';

const start = performance.now();
let milliseconds: number | undefined;
const yard = openYard(process.argv[2] ?? '.', {
  onEvents: () => {
    milliseconds ??= performance.now() - start;
  },
});
await yard.executor.recover();
while (milliseconds === undefined) await new Promise(setImmediate);
console.log(milliseconds);
await yard.close();
