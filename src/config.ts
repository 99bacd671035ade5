import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { loadEnvFile } from 'node:process';
import { z } from 'zod';
import { UserError } from './core/errors.ts';

const optionalText = z.string().optional();

/** Every variable that Trainyard reads, with what it means. `.env.example` is checked against it. */
export const environmentSchema = z.object({
  TRAINYARD_HOME: z
    .string()
    .min(1)
    .default('.trainyard')
    .describe('Folder for the journal, artifacts and environments'),
  TRAINYARD_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address to listen on; another one than loopback only with users (`trainyard user add`)'),
  TRAINYARD_HOSTS: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .optional()
    .describe('Names that the server answers to beside localhost, such as trainyard.example.org'),
  TRAINYARD_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(4747)
    .describe('Port of page and API; 0 takes a free one'),
  TRAINYARD_GRPC_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe('Port of gRPC, on loopback alone; 0 takes a free one. Without it there is no gRPC'),
  TRAINYARD_MAX_TASKS: z.coerce
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(Math.max(1, Math.floor(availableParallelism() / 2)))
    .describe('Heavy tasks at once; each gets an equal share of the cores. Default: one for two cores'),
  TRAINYARD_MAX_TASKS_PER_USER: z.coerce
    .number()
    .int()
    .min(1)
    .max(1024)
    .optional()
    .describe('Heavy tasks at once of one user; without it a user may have all of them'),
  TRAINYARD_TASK_LIMITS: z
    .string()
    .transform((text, context) => readLimits(text, context))
    .optional()
    .describe('Tasks at once by name or type, such as finetune=1,MACROTASK=2'),
  TRAINYARD_KEEP_DAYS: z.coerce
    .number()
    .min(1)
    .max(36_500)
    .optional()
    .describe('Days that a run and its logs are kept after its end; without it for ever. Artifacts stay'),
  TRAINYARD_ISOLATION: z
    .enum(['docker', 'venv', 'process'])
    .default('venv')
    .describe('Where heavy tasks run: docker (a container each), venv, or process: the Python that is there'),
  TRAINYARD_BASE_IMAGE: z
    .string()
    .min(1)
    .default('python:3.12-slim-trixie')
    .describe('What `trainyard image build` builds on: an image with Python 3.10 or newer'),
  TRAINYARD_DOCKER_NETWORK: z
    .string()
    .min(1)
    .default('bridge')
    .describe('Network of containers whose tasks fetch something; all others have none'),
  TRAINYARD_GPUS: z
    .string()
    .transform((text, context) => readGpuList(text, context))
    .optional()
    .describe('GPUs to use: ids such as 0,1, with MiB where nvidia-smi cannot tell (0=24576), or none'),
  DOCKER_HOST: optionalText.describe("Docker's socket, such as unix:///var/run/docker.sock"),
  TRAINYARD_APPROVAL: z
    .enum(['none', 'required'])
    .default('none')
    .describe('`required`: a plan that a chat makes starts when its user says so; none: at once'),
  OPENAI_API_KEY: optionalText.describe(
    'Key of an OpenAI-compatible server; without key and address the offline engine answers',
  ),
  OPENAI_BASE_URL: optionalText.describe('Address of an OpenAI-compatible server, such as http://127.0.0.1:11434/v1'),
  TRAINYARD_MODEL: optionalText.describe('Model that understands messages, such as gpt-5-mini'),
  HF_TOKEN: optionalText.describe('Token for gated models and datasets'),
  HF_ENDPOINT: optionalText.describe('Address of the model hub, where it is not the public one'),
  HF_HOME: optionalText.describe('Cache of the model hub'),
});

const limitPattern = /^\s*(\w+)\s*=\s*(\d{1,4})\s*$/;

function readLimits(text: string, context: z.RefinementCtx): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [, name, number] = limitPattern.exec(part) ?? [];
    if (name === undefined || Number(number) < 1) {
      context.addIssue({ code: 'custom', message: `"${part}" is not of the form NAME=NUMBER` });
      return z.NEVER;
    }
    limits[name] = Number(number);
  }
  return limits;
}

/** A GPU as the configuration names it. */
export interface ConfiguredGpu {
  id: string;
  memoryMib?: number;
}

const gpuPattern = /^\s*([\w-]{1,64})\s*(?:=\s*(\d{1,8})\s*)?$/;

function readGpuList(text: string, context: z.RefinementCtx): ConfiguredGpu[] {
  if (text.trim() === 'none') return [];
  const gpus = text.split(',').map((part) => {
    const [, id, mib] = gpuPattern.exec(part) ?? [];
    if (id === undefined) context.addIssue({ code: 'custom', message: `"${part}" is not of the form ID or ID=MIB` });
    return { id: id ?? '', ...(mib !== undefined && { memoryMib: Number(mib) }) };
  });
  const twice = gpus.find(({ id }, at) => gpus.findIndex((other) => other.id === id) < at);
  if (twice !== undefined) context.addIssue({ code: 'custom', message: `the GPU ${twice.id} is named twice` });
  return gpus;
}

export interface Config {
  /** Absolute. */
  home: string;
  host: string;
  /** Names that the server answers to beside loopback's. */
  hosts: readonly string[];
  port: number;
  /** Undefined for no gRPC. */
  grpcPort: number | undefined;
  maxTasks: number;
  maxTasksAUser: number | undefined;
  /** Tasks at once by name or type. */
  taskLimits: Record<string, number>;
  keepDays: number | undefined;
  isolation: 'docker' | 'venv' | 'process';
  /** The image that the image for tasks is built on. */
  baseImage: string;
  /** The network of containers whose tasks fetch something. */
  dockerNetwork: string;
  /** As Docker's own tools take it; undefined for the usual socket. */
  dockerHost: string | undefined;
  /** Undefined for all that the driver tells of. */
  gpus: readonly ConfiguredGpu[] | undefined;
  approval: 'none' | 'required';
  openai: { apiKey: string; baseUrl?: string; model: string } | undefined;
  /** The environment of the tools that are started: package installers, compilers, Python. */
  toolEnvironment: Record<string, string>;
  /** What a task's own environment adds: the hub's settings, nothing else of ours. */
  taskEnvironment: Record<string, string>;
}

const loopback = new Set(['127.0.0.1', '::1', 'localhost']);

/** Whether nobody but this machine reaches an address. */
export function isLoopback(host: string): boolean {
  return loopback.has(host);
}

const defaultModel = 'gpt-5-mini';
const passedToTasks = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'HF_TOKEN', 'HF_ENDPOINT', 'HF_HOME', 'SSL_CERT_FILE'];
const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

/**
 * Reads the process's environment, and `.env` in the current folder where it has more.
 * @throws UserError that names each variable with a wrong value.
 */
export function loadConfig(): Config {
  if (existsSync('.env')) loadEnvFile('.env');
  // biome-ignore lint/style/noProcessEnv: the one place that reads it
  return parseConfig(process.env);
}

/** A blank variable counts as one that is not set, as `.env` files have it. */
export function parseConfig(environment: NodeJS.ProcessEnv): Config {
  const set = Object.entries(environment).filter(([, value]) => value?.trim());
  const parsed = environmentSchema.safeParse(Object.fromEntries(set));
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new UserError('wrong_configuration', `The configuration is wrong: ${faults.join('; ')}.`, {
      hint: 'Mend it in the environment or in .env; .env.example lists every variable.',
    });
  }
  const values = parsed.data;
  const tools = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const forTasks = new Set([...passedToTasks, ...proxies]);
  return {
    home: resolve(values.TRAINYARD_HOME),
    host: values.TRAINYARD_HOST,
    hosts: values.TRAINYARD_HOSTS ?? [],
    port: values.TRAINYARD_PORT,
    grpcPort: values.TRAINYARD_GRPC_PORT,
    maxTasks: values.TRAINYARD_MAX_TASKS,
    maxTasksAUser: values.TRAINYARD_MAX_TASKS_PER_USER,
    taskLimits: values.TRAINYARD_TASK_LIMITS ?? {},
    keepDays: values.TRAINYARD_KEEP_DAYS,
    isolation: values.TRAINYARD_ISOLATION,
    baseImage: values.TRAINYARD_BASE_IMAGE,
    dockerNetwork: values.TRAINYARD_DOCKER_NETWORK,
    dockerHost: values.DOCKER_HOST,
    gpus: values.TRAINYARD_GPUS,
    approval: values.TRAINYARD_APPROVAL,
    openai: readOpenai(values),
    toolEnvironment: Object.fromEntries(tools),
    taskEnvironment: Object.fromEntries(tools.filter(([name]) => forTasks.has(name))),
  };
}

function readOpenai(values: z.infer<typeof environmentSchema>): Config['openai'] {
  const { OPENAI_API_KEY: key, OPENAI_BASE_URL: baseUrl, TRAINYARD_MODEL: model = defaultModel } = values;
  if (key === undefined && baseUrl === undefined) return undefined;
  // Local servers want some key and look at none.
  const openai = { apiKey: key ?? 'none', model };
  return baseUrl === undefined ? openai : { ...openai, baseUrl };
}
