import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite';
import { createNames } from '../agent/aliases.ts';
import { type Agent, type AgentOptions, createAgent } from '../agent/index.ts';
import { catalogue } from '../tasks/index.ts';
import { registry } from '../tasks/registry.ts';
import type { Config } from './config.ts';
import { inspectPipeline } from './core/check-pipeline.ts';
import type { Pipeline } from './core/pipeline.ts';
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

/**
 * Puts everything together and listens.
 * @throws UserError where another process serves the same home, or the port is taken.
 */
export async function startApp(config: Config): Promise<App> {
  mkdirSync(config.home, { recursive: true });
  const lock = lockInstance(config.home);
  try {
    const machine = await readMachine();
    const journal = openSqliteJournal(join(config.home, 'journal.sqlite'));
    const store = createArtifactStore(join(config.home, 'artifacts'));
    const { runnerFor } = createRunners(config, store);
    const executor = createExecutor({
      catalogue,
      journal,
      store,
      capacity: createCapacity(machine, config.maxTasks),
      runnerFor,
      attemptsDirectory: join(config.home, 'attempts'),
      releaseAttempt: tidyAttemptFolder,
      onBug: logBug,
    });
    const tasks = createTaskService(catalogue);
    const pipelines = createPipelineService({
      catalogue,
      executor,
      journal,
      machine,
      fullName: createNames(registry).exact,
    });
    const act = createActions(catalogue, tasks, pipelines);
    const agent = createPlanner(config, machine, {
      checkpointer: SqliteSaver.fromConnString(join(config.home, 'conversations.sqlite')),
      submit: async (pipeline, { userId, conversationId, idempotencyKey }) =>
        pipelines.submit(pipeline, { userId }, { conversationId, idempotencyKey }),
      act: ({ name, args }, { userId }) => act(name, args, { userId }),
    });
    const services = { tasks, pipelines, conversations: createConversationService(agent, journal, logBug) };
    const http = createHttpApp({ services, webDirectory: join(root, 'web'), version: readVersion() });
    addWebSocket(http, services, journal);
    services.conversations.recover();
    await executor.recover();
    const server = await listen(http, config.host, config.port);
    lock.announce({ pid: process.pid, url: server.url });
    return {
      services,
      url: server.url,
      recovered: journal.pipelines({ state: 'running', limit: 1000 }).length,
      async close() {
        server.close();
        await executor.close();
        journal.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The agent with this machine's word on what can run; without `submit` it only plans. */
export function createPlanner(config: Config, machine: Machine, options: Partial<AgentOptions> = {}): Agent {
  return createAgent({
    catalogue,
    registry,
    engine: config.openai === undefined ? { kind: 'offline' } : { kind: 'openai', ...config.openai },
    assess: (pipeline) => assess(pipeline, machine),
    ...options,
  });
}

function assess(pipeline: Pipeline, machine: Machine): Assessment {
  const { nodes, faults } = inspectPipeline(pipeline, catalogue);
  return faults.length > 0 ? { warnings: [] } : assessPipeline({ pipeline, nodes }, machine);
}

function createRunners(config: Config, store: ReturnType<typeof createArtifactStore>) {
  const directories = { stateDirectory: config.home, runtimeDirectory: join(root, 'tasks', 'runtime') };
  const { toolEnvironment, taskEnvironment } = config;
  const prepare = environmentMaker({ ...directories, toolEnvironment });
  const inProcess = createInProcessRunner(store, prepare);
  const venv = createVenvRunner({ store, ...directories, toolEnvironment, taskEnvironment }, prepare);
  return { runnerFor: ({ work }: { work: { where: string } }) => (work.where === 'server' ? inProcess : venv) };
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return version;
}

function logBug(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}
