import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { defineTask, resourceId } from '../../src/core/task.ts';

const version = String.raw`(?:===?|[<>~!]=?) *[\w.*+!-]+`;

/** Names of PEP 508 with extras and versions alone: an option, an address or a path would run code of unknown origin. */
const requirement = z
  .string()
  .max(200)
  .regex(
    new RegExp(String.raw`^[A-Za-z0-9][\w.-]*(?:\[[\w., -]+\])?(?: *${version}(?: *, *${version})*)?$`),
    'must be a package name with an optional version, such as torch==2.13.0',
  );

export const createEnv = defineTask({
  name: 'create_env',
  type: 'MICROSERVICE',
  summary: 'Create an isolated Python environment and return its id',
  examples: ['create an environment with torch==2.4.0 and flash-attn', 'make a python 3.11 env with pandas'],
  input: z.strictObject({
    python_version: z
      .string()
      .regex(/^3\.\d{1,2}(\.\d{1,2})?$/, 'must be a version such as 3.11')
      .optional()
      .describe('Python version, such as 3.11'),
    requirements: z
      .array(requirement)
      .max(200)
      .default([])
      .describe('Packages beside the runtime, such as ["flash-attn", "torch==2.4.0"]'),
  }),
  output: z.object({ env_id: resourceId('environment') }),
  work: {
    where: 'server',
    run: async ({ python_version, requirements }, { artifactsDirectory, prepareEnvironment }) => {
      const sorted = [...new Set(requirements)].sort();
      await prepareEnvironment(sorted, python_version);
      const environment = { python_version: python_version ?? null, requirements: sorted };
      await writeFile(join(artifactsDirectory, 'environment.json'), `${JSON.stringify(environment, null, 2)}\n`);
      return {
        outputs: {},
        resources: { env_id: { kind: 'environment', path: artifactsDirectory, metadata: environment } },
      };
    },
  },
});
