import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { createNames } from '../agent/aliases.ts';
import type { Agent, AgentOptions } from '../agent/index.ts';
import { catalogue } from '../tasks/index.ts';
import { registry } from '../tasks/registry.ts';
import { type Config, isLoopback } from './config.ts';
import { type CheckedPipeline, inspectPipeline } from './core/check-pipeline.ts';
import { type TaskError, UserError } from './core/errors.ts';
import { suggestion } from './core/nearest-name.ts';
import type { Pipeline } from './core/pipeline.ts';
import type { ArtifactStore } from './core/resource.ts';
import type { Catalogue } from './core/task.ts';
import { type CapacityLimits, createCapacity, type Machine } from './executor/capacity.ts';
import { createExecutor } from './executor/executor.ts';
import { startRetention } from './executor/journal/retention.ts';
import { openSqliteJournal } from './executor/journal/sqlite-journal.ts';
import { lockInstance } from './instance-lock.ts';
import { createIsolation, type Isolation, runtimeDirectory } from './isolation.ts';
import { readFreeDiskMib, readMachine, workplaceOf } from './machine.ts';
import { tidyAttemptFolder } from './runners/attempt-folder.ts';
import { createAccess } from './services/access.ts';
import { createActions } from './services/actions.ts';
import { type Assessment, assessPipeline, refuseWhatCannotRun } from './services/assessment.ts';
import { createConversationService } from './services/conversations.ts';
import { createEstimator, type Estimator } from './services/estimates.ts';
import { createFeedService } from './services/feed.ts';
import { createPipelineService } from './services/pipelines.ts';
import type { Services } from './services/services.ts';
import { createTaskService } from './services/tasks.ts';
import { createUserService } from './services/users.ts';
import { checkFile, openFile } from './sqlite-file.ts';
import { createArtifactStore } from './store/artifact-store.ts';
import { contentOf } from './store/content-of.ts';
import { createVersions } from './task-versions.ts';
import { createAuthentication } from './transports/authentication.ts';
import type { Door } from './transports/grpc-door.ts';
import { createHttpApp } from './transports/http.ts';
import { listen } from './transports/listen.ts';
import { addWebSocket } from './transports/ws.ts';
import { openUserStore, type UserStore } from './users/user-store.ts';

export interface App {
  services: Services;
  /** Where page and API are. */
  url: string;
  /** Where gRPC is, as host and port; undefined without it. */
  grpcAddress: string | undefined;
  /** Every route that the server has. */
  routes: readonly { method: string; path: string }[];
  /** What makes a request one of the home's owner. */
  ownerSecret: string;
  /** Where heavy tasks run, as a sentence. */
  isolation: string;
  /** Pipelines that an earlier process left and this one goes on with. */
  recovered: number;
  /** Stops serving. Isolated tasks go on and are found again by the next start. */
  close(): Promise<void>;
}

const root = join(import.meta.dirname, '..');
/** How long tasks of this process may take to end when it is asked to. */
const drainMs = 10_000;

/** What a caller may bring in place of Trainyard's own tasks. The agent knows and plans Trainyard's own alone. */
export interface Parts {
  catalogue: Catalogue;
  createIsolation: (config: Config, store: ArtifactStore) => Promise<Isolation>;
}

const ownParts: Parts = { catalogue, createIsolation };

/**
 * Puts everything together and listens.
 * @throws UserError where another process serves the same home, or the port is taken.
 */
export async function startApp(config: Config, { catalogue, createIsolation }: Parts = ownParts): Promise<App> {
  makeHome(config.home);
  // Released in reverse order, at the end or as soon as a step fails: the lock is held longest.
  await using acquired = new AsyncDisposableStack();
  const lock = openFile(join(config.home, 'lock.sqlite'), 'nothing', () => lockInstance(config.home));
  acquired.defer(() => lock.release());
  const journal = openFile(join(config.home, 'journal.sqlite'), 'the record of every run', openSqliteJournal);
  acquired.defer(() => journal.close());
  const users = openFile(join(config.home, 'users.sqlite'), 'users, tokens and what they did', openUserStore);
  acquired.defer(() => users.close());
  refuseOpenDoor(config, users);
  refuseUnencrypted(config);
  const conversations = { file: join(config.home, 'conversations.sqlite'), loss: 'open questions and plans' };
  checkFile(conversations.file, conversations.loss);
  const store = createArtifactStore(join(config.home, 'artifacts'));
  const attemptsDirectory = join(config.home, 'attempts');
  const version = readVersion();
  const isolation = await createIsolation(config, store);
  acquired.defer(isolation.close);
  const machine = withinRoom(await readMachine(config.gpus), isolation.room);
  const executor = createExecutor({
    catalogue,
    journal,
    store,
    capacity: createCapacity(machine, limitsOf(config, catalogue)),
    runnerFor: isolation.runnerFor,
    formerRunners: isolation.formerRunners,
    attemptsDirectory,
    reuse: { versionOf: createVersions(runtimeDirectory, version), contentOf },
    releaseAttempt: tidyAttemptFolder,
    onBug: logBug,
    onPause: sayPause,
    onFatal: endAtOnce,
  });
  acquired.defer(() => executor.close(drainMs));
  const removeAttempt = (id: string) => rm(join(attemptsDirectory, id), { recursive: true, force: true });
  acquired.defer(startRetention({ journal, keepDays: config.keepDays, removeAttempt, onBug: logBug }));
  const tasks = createTaskService(catalogue);
  const fullName = createNames(registry).exact;
  const estimate = createEstimator(workplaceOf(machine, config.maxTasks), {
    earlierResults: journal.earlierResults,
    metadata: (id) => journal.resource(id)?.metadata,
  });
  const admit = (checked: CheckedPipeline, only?: ReadonlySet<string>) =>
    refuseWhatCannotRun(checked, machine, estimate, readFreeDiskMib(config.home), only);
  const pipelines = createPipelineService({ catalogue, executor, journal, admit, fullName });
  const act = createActions(catalogue, tasks, pipelines);
  const agent = createPlanner(config, machine, {
    conversations,
    submit: async (pipeline, { userId, conversationId, idempotencyKey }) =>
      pipelines.submit({ userId }, pipeline, { conversationId, idempotencyKey }),
    act: ({ name, args }, { userId }) => act(name, args, { userId }),
    assess: (pipeline) => assess(pipeline, machine, estimate),
  });
  const talks = createConversationService(agent, journal, logBug);
  const services: Services = {
    tasks,
    pipelines,
    conversations: talks,
    feed: createFeedService(journal),
    users: createUserService(users),
  };
  const servicesFor = createAccess(services, users.record);
  const ownerSecret = randomBytes(32).toString('base64url');
  // The port is taken before anything is recovered, and requests wait until that is done.
  const recovered = Promise.withResolvers<void>();
  const authentication = createAuthentication(users, ownerSecret);
  const door = { servicesFor, authentication, ready: recovered.promise };
  const http = createHttpApp({
    ...door,
    pausedBy: executor.pausedBy,
    figures: () => ({
      tasks: { running: executor.runningTasks(), queued: executor.queue().size },
      frames: journal.lastSeq(),
      isPaused: executor.pausedBy() !== undefined,
    }),
    hosts: config.hosts,
    webDirectory: join(root, 'web'),
    version,
  });
  addWebSocket(http);
  const server = await listen(http, config.host, config.port);
  acquired.defer(() => server.close());
  const grpc = await openGrpc(config, door);
  acquired.defer(() => grpc?.close());
  lock.announce({ pid: process.pid, url: server.url, secret: ownerSecret });
  talks.recover();
  await executor.recover();
  recovered.resolve();
  const held = acquired.move();
  return {
    services,
    url: server.url,
    grpcAddress: grpc?.address,
    routes: http.routes.map(({ method, path }) => ({ method, path })).filter(({ method }) => method !== 'ALL'),
    ownerSecret,
    isolation: isolation.says,
    recovered: journal.pipelines({ state: 'running', limit: 1000 }).length,
    close: () => held.disposeAsync(),
  };
}

/** @throws UserError where others could reach a server that asks nobody who they are. */
function refuseOpenDoor({ host }: Config, users: UserStore): void {
  if (isLoopback(host) || users.hasUsers()) return;
  throw new UserError('no_users', `TRAINYARD_HOST is ${host}, and nobody would be asked to log in.`, {
    hint: 'Add a user with `trainyard user add NAME`, or listen on 127.0.0.1.',
  });
}

/** @throws UserError where tokens and data would go over a network as plain text. */
function refuseUnencrypted({ host, grpcPort }: Config): void {
  if (grpcPort === undefined || isLoopback(host)) return;
  throw new UserError('grpc_unencrypted', `TRAINYARD_HOST is ${host}, and gRPC is not encrypted.`, {
    hint: 'Leave TRAINYARD_GRPC_PORT out, or listen on 127.0.0.1 behind a proxy that encrypts.',
  });
}

/** Its packages are loaded only where it is wanted. */
async function openGrpc({ host, grpcPort: port }: Config, door: Door) {
  if (port === undefined) return undefined;
  const { listenGrpc } = await import('./transports/grpc.ts');
  return listenGrpc({ ...door, host, port });
}

/** The machine as far as tasks can have it. */
function withinRoom(machine: Machine, room: Isolation['room']): Machine {
  if (room === undefined) return machine;
  const { cpus, memoryMib } = machine;
  return { ...machine, cpus: Math.min(cpus, room.cpus), memoryMib: Math.min(memoryMib, room.memoryMib) };
}

function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError('home_unusable', `The folder ${home} cannot be made: ${reason}.`, {
      hint: 'Set TRAINYARD_HOME to a folder that this user may write.',
      cause,
    });
  }
}

interface PlannerOptions extends Partial<AgentOptions> {
  /** Where conversations are kept and what its loss would mean; default: in memory. */
  conversations?: { file: string; loss: string };
}

/**
 * The agent with this machine's word on what can run; without `submit` it only plans. Its packages take more memory
 * than all the rest and a good part of a second, so the first message loads them.
 */
export function createPlanner(config: Config, machine: Machine, options: PlannerOptions = {}): Agent {
  let loaded: Promise<Agent> | undefined;
  const agent = () => {
    loaded ??= loadPlanner(config, machine, options);
    return loaded;
  };
  return {
    processMessage: async (...turn) => (await agent()).processMessage(...turn),
    answerQuestion: async (...answer) => (await agent()).answerQuestion(...answer),
  };
}

async function loadPlanner(config: Config, machine: Machine, options: PlannerOptions): Promise<Agent> {
  const { conversations, ...others } = options;
  const { openCheckpoints } = await import('./conversation-checkpoints.ts');
  // Nothing else is done while packages load: who waits has a turn in between.
  await setImmediate();
  const { createAgent } = await import('../agent/index.ts');
  const estimate = createEstimator(workplaceOf(machine, config.maxTasks));
  return createAgent({
    catalogue,
    registry,
    engine: config.openai === undefined ? { kind: 'offline' } : { kind: 'openai', ...config.openai },
    approval: config.approval,
    assess: (pipeline) => assess(pipeline, machine, estimate),
    ...(conversations && { checkpointer: openFile(conversations.file, conversations.loss, openCheckpoints) }),
    ...others,
  });
}

function assess(pipeline: Pipeline, machine: Machine, estimate: Estimator): Assessment | undefined {
  const { nodes, faults } = inspectPipeline(pipeline, catalogue);
  return faults.length > 0 ? undefined : assessPipeline({ nodes }, machine, estimate);
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return version;
}

function logBug(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}

/** Only one environment is made at a time, whoever asks for it: installers take what cores and disk there are. */
const limitsOfOwn = { create_env: 1 };

function limitsOf(config: Config, catalogue: Catalogue): CapacityLimits {
  const names = [...catalogue.values()].flatMap((task) => [task.name, task.type]);
  const unknown = Object.keys(config.taskLimits).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UserError(
      'wrong_configuration',
      `TRAINYARD_TASK_LIMITS names "${unknown}".${suggestion(unknown, names)}`,
    );
  }
  return {
    heavyTasks: config.maxTasks,
    heavyTasksAUser: config.maxTasksAUser,
    tasks: { ...limitsOfOwn, ...config.taskLimits },
  };
}

function sayPause(reason: TaskError | undefined): void {
  const text = reason === undefined ? 'There is room again: everything goes on.' : `${reason.message} ${reason.hint}`;
  process.stderr.write(`${text}\n`);
}

/** What is not in the journal has not happened: only a new process may tell what has. */
function endAtOnce(error: unknown): void {
  logBug(error);
  process.stderr.write('The journal cannot be written: Trainyard ends. What runs goes on; the next start finds it.\n');
  process.exit(1);
}
