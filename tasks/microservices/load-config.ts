import { constants } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError } from '../../src/core/errors.ts';
import { suggestion } from '../../src/core/nearest-name.ts';
import { defineTask, resourceId } from '../../src/core/task.ts';
import { estimateLoadConfig } from '../estimates/loading.ts';
import { nameOrPath } from '../name-or-path.ts';
import { loraInputs, trainingInputs } from '../training-inputs.ts';

/** A config holds the settings that training tasks take, by the same names and within the same bounds. */
const configSchema = z.strictObject({ ...trainingInputs, ...loraInputs });
const settingNames = Object.keys(configSchema.shape);

/** Configs that come with Trainyard. An empty one leaves each task and model at its own recommendation. */
const builtinConfigs: Record<string, z.input<typeof configSchema>> = { default: {} };

export const loadConfig = defineTask({
  name: 'load_config',
  type: 'MICROSERVICE',
  summary: 'Load training settings and return their id',
  examples: ['load the config at configs/lora.yaml', 'use the default config'],
  input: z.strictObject({
    config_path: nameOrPath.default('builtin:default').describe('Config: builtin:NAME, or a local YAML or JSON file'),
    overrides: z.record(z.string(), z.json()).optional().describe('Settings that win over the file'),
  }),
  reusable: true,
  estimate: estimateLoadConfig,
  output: z.object({ config_id: resourceId('config'), config: z.record(z.string(), z.json()) }),
  work: {
    where: 'server',
    run: async ({ config_path, overrides }, { artifactsDirectory }) => {
      const config = checkConfig(config_path, { ...(await readConfig(config_path)), ...overrides });
      await writeFile(join(artifactsDirectory, 'config.json'), `${JSON.stringify(config, sortedKeys(config), 2)}\n`);
      return {
        outputs: { config },
        resources: { config_id: { kind: 'config', path: artifactsDirectory, metadata: config } },
      };
    },
  },
});

async function readConfig(path: string): Promise<Record<string, unknown>> {
  if (path.startsWith('builtin:')) return builtinConfig(path.slice('builtin:'.length));
  const parsed = parseConfig(path, await readSmallFile(path));
  if (parsed === null) return {};
  if (typeof parsed === 'object' && !Array.isArray(parsed)) return { ...parsed };
  throw new UserError('config_malformed', `The config ${path} does not hold settings by name.`);
}

const mostBytes = 2 ** 20;

/** Settings are a plain file of some kilobytes: nothing else is waited for or taken into memory. */
async function readSmallFile(path: string): Promise<string> {
  const unreadable = (why: string, cause?: unknown) =>
    new UserError('config_unreadable', `The config ${path} ${why}.`, {
      hint: 'Name a YAML or JSON file that this machine can read, or builtin:default.',
      cause,
    });
  // Without waiting, as the opening of a FIFO would.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code})`, cause);
  });
  try {
    const info = await file.stat();
    if (!info.isFile()) throw unreadable('is no file');
    if (info.size > mostBytes) throw unreadable('has more than 1 MiB');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function parseConfig(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError('config_malformed', `The config ${path} is not YAML or JSON: ${reason}`, { cause });
  }
}

function builtinConfig(name: string): Record<string, unknown> {
  const config = builtinConfigs[name];
  if (config !== undefined) return config;
  throw new UserError(
    'config_unknown',
    `There is no built-in config "${name}".${suggestion(name, Object.keys(builtinConfigs))}`,
  );
}

function checkConfig(path: string, settings: Record<string, unknown>): z.output<typeof configSchema> {
  const unknown = Object.keys(settings).find((name) => !settingNames.includes(name));
  if (unknown !== undefined) {
    throw new UserError('config_malformed', `${path} sets "${unknown}".${suggestion(unknown, settingNames)}`);
  }
  const parsed = configSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new UserError('config_malformed', `The config ${path} has wrong values: ${faults.join('; ')}`);
}

function sortedKeys(value: object): string[] {
  return Object.keys(value).sort();
}
