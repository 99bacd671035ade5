import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createCatalogue, defineTask } from '../../src/core/task.ts';

let made = 0;

const noop = defineTask({
  name: 'noop',
  type: 'MICROSERVICE',
  summary: 'Do nothing',
  examples: [],
  input: z.strictObject({ sleep_ms: z.number().nonnegative().optional().describe('Milliseconds until it is done') }),
  output: z.object({ noop_id: z.string() }),
  work: {
    where: 'server',
    run: async ({ sleep_ms }, context) => {
      if (sleep_ms !== undefined) await sleep(sleep_ms, undefined, { signal: context.signal });
      made += 1;
      return { outputs: { noop_id: `noop_${made}` }, resources: {} };
    },
  },
});

export const noops = createCatalogue([noop]);
