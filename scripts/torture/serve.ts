/** Trainyard's server with the torture's tasks. Says when its code is loaded, then where it listens. */
import { flushCompileCache } from 'node:module';
import { parseConfig } from '../../src/config.ts';
import { startApp } from '../../src/main.ts';
import { tortureParts } from './tasks.ts';

// Who started it has died.
process.stdin.on('end', () => process.exit(1)).resume();
process.stdout.write('loaded\n');
// Node keeps it at the end of a process, to which none here comes.
flushCompileCache();
const { url } = await startApp(parseConfig(process.env), tortureParts);
process.stdout.write(`${url}\n`);
