import { existsSync } from 'node:fs';
import { chown, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError, TerminalError, toTaskError } from '../core/errors.ts';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt, FollowOptions, Runner, RunningAttempt } from '../core/runner.ts';
import { prepareAttemptFolder } from './attempt-folder.ts';
import { followWork, type Work } from './attempt-following.ts';
import { processAgeMs } from './attempt-processes.ts';
import { hasResult, ranMs } from './attempt-result.ts';
import { diskFull, freeBytesOf, leastFreeBytes, orDiskFull } from './disk-full.ts';
import { type ContainerState, type DockerEngine, isDockerAway } from './docker.ts';
import {
  attemptLabel,
  type ContainerPlace,
  containerName,
  containerOptions,
  inside,
  installationLabel,
  isFetching,
} from './docker-container.ts';
import { crashed, folderGone, logEnd, stoppedCode } from './no-result.ts';
import type { RunSecrets } from './run-secrets.ts';

/** An image that attempts may run in. */
export interface TaskImage {
  /** Digest, `sha256:…`: a name could come to mean another one. */
  id: string;
  /** Of what it holds. */
  version: string;
}

export interface DockerRunnerOptions {
  engine: DockerEngine;
  store: ArtifactStore;
  place: ContainerPlace;
  /** The image of an attempt. May take long, such as when packages are added first: reports what it does. */
  imageFor: (attempt: Attempt, options: Pick<FollowOptions, 'onReport' | 'signal'>) => Promise<TaskImage>;
  /** What a container runs; the attempt's folder is at `folder` there. */
  command: (folder: string) => readonly string[];
  secrets: RunSecrets;
}

const lookAgainMs = 2000;
/** The program ends by itself as soon as it has written its result. */
const endsByItselfMs = 500;
const killMs = 10_000;
const removalMs = 300;
/** 128 and the number of SIGKILL. */
const killedCode = 137;
const removeAgainMs = 30_000;

/** Runs each attempt in a container of its own, which outlives this process and the daemon's restart. */
export function createDockerRunner(options: DockerRunnerOptions): Runner {
  const { engine, store, place, imageFor, command, secrets } = options;
  const closing = new AbortController();
  const removals = new Set<Promise<void>>();

  /** What the daemon is needed for waits for it, and says so once. */
  async function whenItAnswers<T>(
    work: () => Promise<T>,
    { onReport, signal }: Pick<FollowOptions, 'onReport' | 'signal'>,
  ): Promise<T> {
    for (let isTold = false; ; isTold = true) {
      try {
        return await work();
      } catch (error) {
        if (!isDockerAway(error)) throw error;
        if (!isTold) await onReport(warning(`${toTaskError(error).message} The task waits for it.`));
        await sleep(lookAgainMs, undefined, { signal });
      }
    }
  }

  async function launch(attempt: Attempt, reporting: Pick<FollowOptions, 'onReport' | 'signal'>): Promise<void> {
    const { attemptId, folder } = attempt;
    const name = containerName(attemptId);
    const image = await whenItAnswers(() => imageFor(attempt, reporting), reporting);
    await prepareAttemptFolder(attempt, store);
    await mkdir(join(folder, 'inputs'), { recursive: true });
    await handOver(folder, place.user);
    const secretsFile = isFetching(attempt) ? await secrets.write(attemptId, place.user) : undefined;
    const made = containerOptions(place, { attempt, image: image.id, argv: command(inside), secrets: secretsFile });
    reporting.signal.throwIfAborted();
    await whenItAnswers(() => engine.create(name, made), reporting);
    const environment = { version: image.version, image: image.id };
    await reporting.onReport({ type: 'task_placed', environment, container: name });
    reporting.signal.throwIfAborted();
    await whenItAnswers(() => engine.start(name), reporting);
  }

  function runningContainer(attempt: Attempt): RunningAttempt {
    return {
      async follow(following) {
        const watch = new AbortController();
        const container = watchContainer(engine, attempt, following, watch.signal);
        try {
          return await followWork(attempt, container, following);
        } finally {
          watch.abort();
        }
      },
    };
  }

  async function removeInTime(attemptId: string): Promise<void> {
    for (;;) {
      try {
        await engine.remove(containerName(attemptId));
        return;
      } catch {
        // The next start removes it, if this process does not come to it any more.
        await sleep(removeAgainMs, undefined, { signal: closing.signal, ref: false });
      }
    }
  }

  return {
    name: 'docker',
    outlivesServer: true,

    async start(attempt, { onReport, signal: stop, detach }) {
      try {
        await launch(attempt, { onReport, signal: AbortSignal.any([stop, detach]) });
        return runningContainer(attempt);
      } catch (error) {
        if (!detach.aborted) await engine.remove(containerName(attempt.attemptId)).catch(() => undefined);
        throw orDiskFull(error);
      }
    },

    async find(attempt) {
      const name = containerName(attempt.attemptId);
      const state = await engine.inspect(name);
      const running = runningContainer(attempt);
      if (state?.status === 'running') return { ...running, ageMs: ageOf(state) };
      if (await hasResult(attempt.folder)) return { ...running, isOver: true, ageMs: await ranMs(attempt.folder) };
      if (state?.status === 'exited') {
        return { ...running, isOver: true, ageMs: Math.max(0, state.finishedAtMs - state.startedAtMs) };
      }
      // Made by a server that died before it could start it.
      if (state !== undefined) await engine.remove(name);
      return undefined;
    },

    async stopStrays(_attemptsDirectory, isLive) {
      await secrets.forgetAllBut(isLive);
      const containers = await engine.list(`${installationLabel}=${place.installation}`).catch((error: unknown) => {
        // Without the daemon nothing of it starts either; the next start looks again.
        if (isDockerAway(error)) return [];
        throw error;
      });
      const strays = containers.filter(({ labels }) => !isLive(labels[attemptLabel] ?? ''));
      await Promise.all(strays.map(({ name }) => engine.remove(name)));
      return strays.filter(({ isRunning }) => isRunning).map(({ labels }) => labels[attemptLabel] ?? '');
    },

    release(attemptId) {
      const removal = Promise.all([secrets.forget(attemptId), removeInTime(attemptId)])
        .then(() => undefined)
        .catch(() => undefined)
        .finally(() => removals.delete(removal));
      removals.add(removal);
    },

    async close() {
      closing.abort();
      await Promise.all(removals);
    },
  };
}

/** A container as work that can be followed. It is watched until the signal aborts. */
function watchContainer(
  engine: DockerEngine,
  attempt: Attempt,
  { onReport, detach }: Pick<FollowOptions, 'onReport' | 'detach'>,
  signal: AbortSignal,
): Work {
  const name = containerName(attempt.attemptId);
  const ended = new AbortController();
  const onAway = () => void onReport(warning('The Docker daemon does not answer: the task is followed by its files.'));
  let isStopped = false;
  const end = engine.untilStopped(name, signal, onAway).then(
    (state) => {
      isStopped = true;
      return { state };
    },
    (error: unknown) => ({ error }),
  );
  void end.then(() => ended.abort());
  const within = (ms: number) =>
    Promise.race([end.then(() => true), sleep(ms, false, { signal: AbortSignal.any([signal, detach]) })]);

  /** A daemon that is away is waited for: nothing counts as stopped that may still run. */
  async function send(kill: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    while (!isStopped) {
      try {
        return await engine.kill(name, kill);
      } catch (error) {
        if (!(error instanceof RetryableError)) throw error;
        await sleep(lookAgainMs, undefined, { signal: detach });
      }
    }
  }

  return {
    ended: ended.signal,
    isAlive: async () => !ended.signal.aborted,

    async stop(graceMs: number) {
      if (isStopped || ((await hasResult(attempt.folder)) && (await within(endsByItselfMs)))) return;
      await send('SIGTERM');
      if (await within(graceMs)) return;
      await send('SIGKILL');
      // Nothing counts as ended that may still hold a GPU.
      while (!(await within(killMs))) await engine.remove(name).catch(() => undefined);
    },

    async failure() {
      const outcome = await end;
      if ('error' in outcome) return outcome.error instanceof Error ? outcome.error : new Error(String(outcome.error));
      const { state } = outcome;
      const wasKilled = state?.exitCode === killedCode && !state.isOutOfMemory;
      // `docker rm -f` kills it first.
      if (wasKilled) await sleep(removalMs, undefined, { signal: detach });
      const isGone = wasKilled && (await engine.inspect(name).catch(() => state)) === undefined;
      return failureOf(attempt, isGone ? undefined : state, () => engine.output(name));
    },
  };
}

async function failureOf(
  { folder, limits }: Attempt,
  state: ContainerState | undefined,
  output: () => Promise<string>,
): Promise<Error> {
  if (state === undefined) {
    return new RetryableError('container_removed', "The task's container was removed while it ran.", {
      hint: 'Leave the containers named trainyard-… alone while something runs.',
    });
  }
  if (!existsSync(folder)) return folderGone(folder);
  if ((await freeBytesOf(folder)) < leastFreeBytes) return diskFull('the task ended without a result.');
  const { exitCode, isOutOfMemory, error } = state;
  // What could not even begin says so on the container's own output.
  const said = (await logEnd(folder)) || asSentence(await output().catch(() => ''));
  if (isOutOfMemory) {
    return new TerminalError('out_of_memory', `The task took more memory than its ${limits.memoryMib} MiB.${said}`, {
      hint: 'Use a smaller batch_size or max_seq_length, or a smaller model; fewer tasks at once leave each more memory.',
    });
  }
  if (error !== '') return new TerminalError('container_failed', `The task's container could not run: ${error}${said}`);
  if (exitCode === killedCode || exitCode === stoppedCode) {
    const signal = exitCode === killedCode ? 'SIGKILL' : 'SIGTERM';
    return new RetryableError('task_killed', `Somebody ended the task's container with ${signal}.${said}`, {
      hint: 'It was not its memory limit. See who ran docker stop or docker kill, or restarted Docker without live-restore.',
    });
  }
  return crashed(exitCode, said);
}

const asSentence = (said: string) => (said === '' ? '' : ` It said: ${said.slice(-500)}`);

/** By the clock that nobody sets, where the container's process can be seen from here. */
function ageOf({ pid, startedAtMs }: ContainerState): number {
  return (pid === undefined ? undefined : processAgeMs(pid)) ?? Math.max(0, Date.now() - startedAtMs);
}

function warning(text: string) {
  return { type: 'task_message' as const, level: 'warning' as const, text };
}

/**
 * Makes the folder the task's user's, where this process may: root's containers run as somebody else. Files of the
 * store, which have a second name, stay as they are: all may read them.
 */
async function handOver(folder: string, user: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const [uid = 0, gid = 0] = user.split(':').map(Number);
  const info = await lstat(folder);
  if (info.isDirectory() || info.nlink === 1) await chown(folder, uid, gid);
  if (!info.isDirectory()) return;
  for (const name of await readdir(folder)) await handOver(join(folder, name), user);
}
