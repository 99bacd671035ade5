import { RetryableError, TerminalError, UserError } from '../../src/core/errors.ts';
import type { Attempt, AttemptReport, FollowOptions, Runner, RunningAttempt } from '../../src/core/runner.ts';
import type { Task, TaskResult } from '../../src/core/task.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

type Ending = { result: TaskResult } | { error: Error };

/** The process of an attempt. It lives in the world and not in the server: a crash of that does not end it. */
interface Process {
  attempt: Attempt;
  /** Whether it is part of the server's own process. */
  isInServer: boolean;
  isAlive: boolean;
  /** What it has told so far, as in its events.jsonl. */
  reports: AttemptReport[];
  ending?: Ending;
  /** It ignores being asked to stop, and is killed after its grace period. */
  isStubborn: boolean;
  onNews: () => void;
}

export interface World {
  /** What a newly started server finds. */
  runnerFor(task: Task): Runner;
  /** The server dies, and what is part of it. */
  crash(): void;
  alive(): Attempt[];
}

export interface WorldOptions {
  random: Random;
  timeline: Timeline;
  /** Called when a process comes to life. */
  onBirth: (attempt: Attempt) => void;
}

/** Processes that run, fail and hang by chance, and outlive the server or not. */
export function createWorld({ random, timeline, onBirth }: WorldOptions): World {
  const processes = new Map<string, Process>();
  const starting = new Set<string>();
  let life = 0;
  /** Starts that must not come to life any more. */
  const abandoned = new Set<string>();

  function bear(attempt: Attempt, isInServer: boolean): Process {
    const process: Process = {
      attempt,
      isInServer,
      isAlive: true,
      reports: [],
      isStubborn: random.chance(0.2),
      onNews: () => {},
    };
    processes.set(attempt.attemptId, process);
    onBirth(attempt);
    work(process, random.below(4), chooseEnding(attempt));
    return process;
  }

  function work(process: Process, steps: number, ending: Ending): void {
    timeline.after(random.below(3000), () => {
      if (!process.isAlive) return;
      if (steps === 0) return die(process, ending);
      const step = process.reports.length + 1;
      process.reports.push({
        type: 'task_progress',
        phase: 'work',
        step,
        total: null,
        eta_seconds: null,
        metrics: {},
        offset: step,
      });
      process.onNews();
      work(process, steps - 1, ending);
    });
  }

  function chooseEnding({ inputs }: Attempt): Ending {
    const chance = random.next();
    if (chance < 0.03) return { error: new TerminalError('broken', 'It cannot be done.') };
    if (chance < 0.05) return { error: new UserError('bad_row', 'Row 3 is bad.') };
    if (chance < 0.15) return { error: new RetryableError('task_killed', 'It was killed.') };
    if (chance < 0.17) return { error: new RetryableError('disk_full', 'The disk is full.') };
    const value = Number(inputs.value) + 1;
    return { result: { outputs: { value }, resources: { lora_id: { kind: 'lora', path: `${value}`, metadata: {} } } } };
  }

  function die(process: Process, ending: Ending): void {
    process.isAlive = false;
    process.ending = ending;
    process.onNews();
  }

  function stop(process: Process, graceMs: number): void {
    const killed = { error: new RetryableError('task_killed', 'It was killed.') };
    if (!process.isStubborn) return die(process, killed);
    timeline.after(graceMs, () => {
      if (process.isAlive) die(process, killed);
    });
  }

  function follow(process: Process, options: FollowOptions): Promise<TaskResult> {
    const { fromOffset, onReport, signal, detach } = options;
    const end = Promise.withResolvers<TaskResult>();
    let read = fromOffset;
    const look = () => {
      for (; read < process.reports.length; read += 1) {
        const report = process.reports[read];
        if (report !== undefined) onReport(report);
      }
      if (process.isAlive) return;
      if (signal.aborted) return end.reject(signal.reason);
      const { ending } = process;
      if (ending !== undefined && 'result' in ending) end.resolve(ending.result);
      else end.reject(ending?.error);
    };
    process.onNews = look;
    const onStop = () => {
      if (process.isAlive) stop(process, options.signal.aborted ? process.attempt.limits.graceMs : 0);
    };
    signal.addEventListener('abort', onStop);
    detach.addEventListener('abort', () => {
      process.onNews = () => {};
      end.reject(detach.reason);
    });
    if (signal.aborted) onStop();
    look();
    return end.promise;
  }

  /** Time passes; a server that dies meanwhile does not get to see the end of it. */
  function aWhile(): Promise<void> {
    const ofLife = life;
    return new Promise((resolve) => {
      timeline.after(random.below(20), () => {
        if (life === ofLife) resolve();
      });
    });
  }

  const running = (process: Process): RunningAttempt => ({ follow: (options) => follow(process, options) });

  const inServer: Runner = {
    name: 'in-process',
    outlivesServer: false,
    start: async (attempt) => running(bear(attempt, true)),
    find: async () => undefined,
  };

  const isolated: Runner = {
    name: 'process',
    outlivesServer: true,
    start: (attempt, { signal }) =>
      new Promise((resolve, reject) => {
        starting.add(attempt.attemptId);
        timeline.after(random.below(50), () => {
          starting.delete(attempt.attemptId);
          // As with a real one: the server may have died meanwhile, and the next one may have given it up.
          if (abandoned.has(attempt.attemptId)) return;
          if (signal.aborted) return reject(signal.reason);
          if (random.chance(0.02)) return reject(new RetryableError('no_process', 'It did not start.'));
          resolve(running(bear(attempt, false)));
        });
      }),
    async find(attempt) {
      await aWhile();
      abandoned.add(attempt.attemptId);
      const process = processes.get(attempt.attemptId);
      return process === undefined ? undefined : running(process);
    },
    async stopStrays(_directory, isLive) {
      await aWhile();
      for (const attemptId of starting) if (!isLive(attemptId)) abandoned.add(attemptId);
      const strays = [...processes.values()].filter(
        ({ isAlive, attempt: { attemptId } }) => isAlive && !isLive(attemptId),
      );
      for (const stray of strays) stray.isAlive = false;
      return strays.map(({ attempt }) => attempt.attemptId);
    },
  };

  return {
    runnerFor: ({ work: { where } }) => (where === 'server' ? inServer : isolated),
    crash() {
      life += 1;
      for (const process of processes.values()) {
        process.onNews = () => {};
        if (process.isInServer) process.isAlive = false;
      }
    },
    alive: () => [...processes.values()].filter(({ isAlive }) => isAlive).map(({ attempt }) => attempt),
  };
}
