import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNames } from '../agent/aliases.ts';
import { type Agent, type AgentOptions, createAgent } from '../agent/index.ts';
import { catalogue } from '../tasks/index.ts';
import { registry } from '../tasks/registry.ts';
import type { Config } from './config.ts';
import { openCheckpoints } from './conversation-checkpoints.ts';
import { inspectPipeline } from './core/check-pipeline.ts';
import { UserError } from './core/errors.ts';
import type { Pipeline } from './core/pipeline.ts';
import type { ArtifactStore } from './core/resource.ts';
import type { Runner } from './core/runner.ts';
import type { Catalogue, Task } from './core/task.ts';
import { createCapacity, type Machine } from './executor/capacity.ts';
import { createExecutor } from './executor/executor.ts';
import { openSqliteJournal } from './executor/sqlite-journal.ts';
import { lockInstance } from './instance-lock.ts';
import { type Assessment, assessPipeline, readMachine } from './machine.ts';
import { tidyAttemptFolder } from './runners/attempt-folder.ts';
import { createInProcessRunner } from './runners/in-process.ts';
import { createVenvRunner, environmentMaker } from './runners/venv.ts';
import { createActions } from './services/actions.ts';
import { createConversationService } from './services/conversations.ts';
import { createPipelineService } from './services/pipelines.ts';
import type { Services } from './services/services.ts';
import { createTaskService } from './services/tasks.ts';
import { openFile } from './sqlite-file.ts';
import { createArtifactStore } from './store/artifact-store.ts';
import { createHttpApp } from './transports/http.ts';
import { listen } from './transports/listen.ts';
import { addWebSocket } from './transports/ws.ts';

export interface App {
  services: Services;
  /** Where page and API are. */
  url: string;
  /** Pipelines that an earlier process left and this one goes on with. */
  recovered: number;
  /** Stops serving. Isolated tasks go on and are found again by the next start. */
  close(): Promise<void>;
}

const root = join(import.meta.dirname, '..');

/** What a caller may bring in place of Trainyard's own tasks. The agent knows and plans Trainyard's own alone. */
export interface Parts {
  catalogue: Catalogue;
  createRunners: (config: Config, store: ArtifactStore) => (task: Task) => Runner;
}

const ownParts: Parts = { catalogue, createRunners };

/**
 * Puts everything together and listens.
 * @throws UserError where another process serves the same home, or the port is taken.
 */
export async function startApp(config: Config, { catalogue, createRunners }: Parts = ownParts): Promise<App> {
  makeHome(config.home);
  // Released in reverse order, at the end or as soon as a step fails: the lock is held longest.
  await using acquired = new AsyncDisposableStack();
  const lock = openFile(join(config.home, 'lock.sqlite'), 'nothing', () => lockInstance(config.home));
  acquired.defer(() => lock.release());
  const machine = await readMachine();
  const journal = openFile(join(config.home, 'journal.sqlite'), 'the record of every run', openSqliteJournal);
  acquired.defer(() => journal.close());
  const checkpointer = openFile(join(config.home, 'conversations.sqlite'), 'open questions and plans', openCheckpoints);
  const store = createArtifactStore(join(config.home, 'artifacts'));
  const executor = createExecutor({
    catalogue,
    journal,
    store,
    capacity: createCapacity(machine, config.maxTasks),
    runnerFor: createRunners(config, store),
    attemptsDirectory: join(config.home, 'attempts'),
    releaseAttempt: tidyAttemptFolder,
    onBug: logBug,
  });
  acquired.defer(() => executor.close());
  const tasks = createTaskService(catalogue);
  const fullName = createNames(registry).exact;
  const pipelines = createPipelineService({ catalogue, executor, journal, machine, fullName });
  const act = createActions(catalogue, tasks, pipelines);
  const agent = createPlanner(config, machine, {
    checkpointer,
    submit: async (pipeline, { userId, conversationId, idempotencyKey }) =>
      pipelines.submit(pipeline, { userId }, { conversationId, idempotencyKey }),
    act: ({ name, args }, { userId }) => act(name, args, { userId }),
  });
  const services = { tasks, pipelines, conversations: createConversationService(agent, journal, logBug) };
  // The port is taken before anything is recovered, and requests wait until that is done.
  const recovered = Promise.withResolvers<void>();
  const http = createHttpApp({
    services,
    webDirectory: join(root, 'web'),
    version: readVersion(),
    ready: recovered.promise,
  });
  addWebSocket(http, services, journal);
  const server = await listen(http, config.host, config.port);
  acquired.defer(() => server.close());
  services.conversations.recover();
  await executor.recover();
  recovered.resolve();
  lock.announce({ pid: process.pid, url: server.url });
  const held = acquired.move();
  return {
    services,
    url: server.url,
    recovered: journal.pipelines({ state: 'running', limit: 1000 }).length,
    close: () => held.disposeAsync(),
  };
}

function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError('home_unusable', `The folder ${home} cannot be made: ${reason}.`, {
      hint: 'Set TRAINYARD_HOME to a folder that this user may write.',
      cause,
    });
  }
}

/** The agent with this machine's word on what can run; without `submit` it only plans. */
export function createPlanner(config: Config, machine: Machine, options: Partial<AgentOptions> = {}): Agent {
  return createAgent({
    catalogue,
    registry,
    engine: config.openai === undefined ? { kind: 'offline' } : { kind: 'openai', ...config.openai },
    approval: config.approval,
    assess: (pipeline) => assess(pipeline, machine),
    ...options,
  });
}

function assess(pipeline: Pipeline, machine: Machine): Assessment {
  const { nodes, faults } = inspectPipeline(pipeline, catalogue);
  return faults.length > 0 ? { warnings: [] } : assessPipeline({ pipeline, nodes }, machine);
}

function createRunners(config: Config, store: ArtifactStore) {
  const directories = { stateDirectory: config.home, runtimeDirectory: join(root, 'tasks', 'runtime') };
  const { toolEnvironment, taskEnvironment } = config;
  const prepare = environmentMaker({ ...directories, toolEnvironment });
  const inProcess = createInProcessRunner(store, prepare);
  const venv = createVenvRunner({ store, ...directories, toolEnvironment, taskEnvironment }, prepare);
  return ({ work }: Task) => (work.where === 'server' ? inProcess : venv);
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return version;
}

function logBug(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}
