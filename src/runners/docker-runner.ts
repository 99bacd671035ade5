import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskFull, freeBytesOf, leastFreeBytes, orDiskFull } from '../core/disk-full.ts';
import { RetryableError, TerminalError, toTaskError } from '../core/errors.ts';
import type { ArtifactStore } from '../core/resource.ts';
import type { Attempt, FollowOptions, Runner, RunningAttempt } from '../core/runner.ts';
import { prepareAttemptFolder } from './attempt-folder.ts';
import { followWork, type Work } from './attempt-following.ts';
import { processAgeMs } from './attempt-processes.ts';
import { hasResult, ranMs } from './attempt-result.ts';
import { type ContainerUser, giveTo } from './container-user.ts';
import type { ContainerState, DockerEngine } from './docker.ts';
import {
  attemptLabel,
  type ContainerPlace,
  containerName,
  containerOptions,
  inside,
  installationLabel,
  isFetching,
} from './docker-container.ts';
import type { TaskImage } from './docker-image.ts';
import { isDockerAway } from './docker-words.ts';
import { crashed, folderGone, logEnd, stoppedCode } from './no-result.ts';
import type { RunSecrets } from './run-secrets.ts';

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
const closeMs = 2000;

/** Runs each attempt in a container of its own, which outlives this process and the daemon's restart. */
export function createDockerRunner(options: DockerRunnerOptions): Runner {
  const { engine, store, place, imageFor, command, secrets } = options;
  const closing = new AbortController();
  const removals = new Set<Promise<void>>();
  /** Attempts whose container's name somebody else has. */
  const foreign = new Set<string>();

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

  /** @param onCreate called when from now on there may be a container. */
  async function launch(
    attempt: Attempt,
    reporting: Pick<FollowOptions, 'onReport' | 'signal'>,
    onCreate: () => void,
  ): Promise<void> {
    const { attemptId, folder } = attempt;
    const name = containerName(attemptId);
    const image = await whenItAnswers(() => imageFor(attempt, reporting), reporting);
    await prepareAttemptFolder(attempt, store);
    await mkdir(join(folder, 'inputs'), { recursive: true });
    await handOver(folder, place.user);
    const secretsFile = isFetching(attempt) ? await secrets.write(attemptId, place.user) : undefined;
    const made = containerOptions(place, { attempt, image: image.id, argv: command(inside), secrets: secretsFile });
    reporting.signal.throwIfAborted();
    onCreate();
    await whenItAnswers(() => engine.create(name, made), reporting);
    const environment = { version: image.version, image: image.id };
    await reporting.onReport({ type: 'task_placed', environment, container: name });
    reporting.signal.throwIfAborted();
    let isRepeated = false;
    await whenItAnswers(async () => {
      // An answer that was lost on its way: it may have run to its end since, and is not to run twice.
      const hasBegun = isRepeated && (await engine.inspect(name))?.status !== 'created';
      isRepeated = true;
      if (!hasBegun) await engine.start(name);
    }, reporting);
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

  /** However long it takes until the daemon answers. */
  async function remove(attemptId: string, againMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        return await engine.remove(containerName(attemptId));
      } catch {
        await sleep(againMs, undefined, { signal, ref: false });
      }
    }
  }

  return {
    name: 'docker',
    outlivesServer: true,

    async start(attempt, { onReport, signal: stop, detach }) {
      let mayExist = false;
      const onCreate = () => {
        mayExist = true;
      };
      try {
        await launch(attempt, { onReport, signal: AbortSignal.any([stop, detach]) }, onCreate);
        return runningContainer(attempt);
      } catch (error) {
        const isOfOthers = error instanceof TerminalError && error.code === 'name_taken';
        // What it holds is free only when nothing runs. Who comes after a detaching finds it.
        if (mayExist && !isOfOthers && !detach.aborted) await remove(attempt.attemptId, lookAgainMs, detach);
        if (isOfOthers) foreign.add(attempt.attemptId);
        throw orDiskFull(error);
      }
    },

    async find(attempt) {
      const name = containerName(attempt.attemptId);
      const found = await engine.inspect(name);
      // A home that was copied has the other one's attempts in its journal.
      const state = found?.labels[installationLabel] === place.installation ? found : undefined;
      const running = runningContainer(attempt);
      if (state?.status === 'running') return { ...running, ageMs: await ageOf(state) };
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
      // The next start removes what this process does not come to any more.
      const removed = foreign.delete(attemptId) ? undefined : remove(attemptId, removeAgainMs, closing.signal);
      const removal = Promise.all([secrets.forget(attemptId), removed])
        .then(() => undefined)
        .catch(() => undefined)
        .finally(() => removals.delete(removal));
      removals.add(removal);
    },

    async close() {
      closing.abort();
      await Promise.race([Promise.all(removals), sleep(closeMs, undefined, { ref: false })]);
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
  const onAway = (why: unknown) =>
    void onReport(warning(`${toTaskError(why).message} The task is followed by its files meanwhile.`));
  const end = engine.untilStopped(name, signal, onAway);
  end.then(
    () => ended.abort(),
    () => undefined,
  );
  const patience = AbortSignal.any([signal, detach]);
  const within = async (ms: number) => {
    if (!ended.signal.aborted) await Promise.race([end, sleep(ms, undefined, { signal: patience })]);
    return ended.signal.aborted;
  };
  const send = (kill: 'SIGTERM' | 'SIGKILL') =>
    engine.kill(name, kill).then(
      () => true,
      () => false,
    );

  return {
    ended: ended.signal,
    isAlive: async () => !ended.signal.aborted,

    async stop(graceMs: number) {
      if (await within((await hasResult(attempt.folder)) ? endsByItselfMs : 0)) return;
      const deadline = performance.now() + graceMs;
      let isAsked = false;
      while (performance.now() < deadline) {
        if (!isAsked) isAsked = await send('SIGTERM');
        if (await within(Math.min(lookAgainMs, Math.max(0, deadline - performance.now())))) return;
      }
      // A daemon that is away is waited for: nothing counts as ended that may still hold a GPU.
      for (;;) {
        await send('SIGKILL');
        if (await within(killMs)) return;
        await engine.remove(name).catch(() => undefined);
      }
    },

    async failure() {
      const state = await end;
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
async function ageOf({ id, pid, startedAtMs }: ContainerState): Promise<number> {
  // Where the daemon runs in another machine, its process ids mean others here.
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  const ageMs = pid !== undefined && groups.includes(id) ? processAgeMs(pid) : undefined;
  return ageMs ?? Math.max(0, Date.now() - startedAtMs);
}

function warning(text: string) {
  return { type: 'task_message' as const, level: 'warning' as const, text };
}

/**
 * Makes the folder the task's user's. Files of the store, which have a second name, stay as they are: all may read
 * them.
 */
async function handOver(path: string, user: ContainerUser): Promise<void> {
  const info = await lstat(path);
  if (info.isDirectory() || info.nlink === 1) await giveTo(user, path);
  if (!info.isDirectory()) return;
  for (const name of await readdir(path)) await handOver(join(path, name), user);
}
