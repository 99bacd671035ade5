import type { AttemptLimits } from '../core/runner.ts';
import type { Task, TaskNeeds } from '../core/task.ts';

/** What this machine has for tasks. */
export interface Machine {
  cpus: number;
  memoryMib: number;
  /** Device ids, such as `['0', '1']`. */
  gpus: readonly string[];
  /** Memory of the smallest GPU, 0 when there is none. */
  gpuMemoryMib: number;
}

export interface CapacityLimits {
  /** Heavy tasks at once on the whole server; each gets an equal share of the cores. */
  heavyTasks: number;
  /** Heavy tasks at once of one user. */
  heavyTasksAUser?: number | undefined;
  /** Tasks at once by the name of a task (`finetune`) or its type (`MACROTASK`). */
  tasks?: Readonly<Record<string, number>>;
}

/** A task that asks for room. */
export interface RoomRequest {
  task: Task;
  inputs: Record<string, unknown>;
  userId: string;
  /** What it is expected to take; else what its task says it needs. */
  memoryMib?: number | undefined;
}

export interface Lease {
  limits: Pick<AttemptLimits, 'cpuThreads' | 'memoryMib' | 'gpus'>;
  release: () => void;
}

/** Something there is a limited number of. */
export type Room =
  | 'server'
  | 'light processes'
  | 'heavy tasks'
  | 'memory'
  | 'GPU'
  | `user ${string}`
  | `task ${string}`;

/** Lends the machine's cores, memory and GPUs to attempts. */
export interface Capacity {
  /**
   * A lease, or the room that is lacking. What is held by nobody else is always granted.
   * @param closed rooms that somebody before this one waits for: it must not pass them, else they would wait for ever.
   */
  take(request: RoomRequest, closed?: ReadonlySet<Room>): Lease | Room;
  /** What an attempt of an earlier process holds already, whether there is room or not. */
  retake(request: RoomRequest, gpus: readonly string[]): Lease;
}

/** Tasks of this process at once: they wait for a disk, if for anything. */
const tasksInServer = 1024;
const lightMemoryMib = 512;

export function createCapacity(machine: Machine, limits: CapacityLimits): Capacity {
  const { heavyTasks, heavyTasksAUser = Number.POSITIVE_INFINITY, tasks: taskLimits = {} } = limits;
  const cpuThreads = Math.max(1, Math.floor(machine.cpus / heavyTasks));
  const memoryShareMib = Math.floor(machine.memoryMib / heavyTasks);
  const freeGpus = new Set(machine.gpus);
  let freeMemoryMib = machine.memoryMib;
  const used = new Map<Room, number>();

  const limitOf = (room: Room): number => {
    if (room === 'server') return tasksInServer;
    if (room === 'light processes') return Math.max(2, machine.cpus);
    if (room === 'heavy tasks') return heavyTasks;
    if (room.startsWith('user ')) return heavyTasksAUser;
    return taskLimits[room.slice('task '.length)] ?? Number.POSITIVE_INFINITY;
  };

  /** The rooms that are counted, widest first. */
  function countedRooms({ task, userId }: RoomRequest): Room[] {
    const rooms: Room[] = [weightOf(task)];
    if (task.requiresIsolation && Number.isFinite(heavyTasksAUser)) rooms.push(`user ${userId}`);
    for (const name of [task.type, task.name]) if (Object.hasOwn(taskLimits, name)) rooms.push(`task ${name}`);
    return rooms;
  }

  const wantsGpu = (task: Task, { gpu }: TaskNeeds) =>
    task.requiresIsolation && gpu !== 'none' && machine.gpus.length > 0;

  const needsOf = ({ task, inputs, memoryMib }: RoomRequest): TaskNeeds => {
    const needs = task.needs(inputs);
    return memoryMib === undefined ? needs : { ...needs, memoryMib };
  };

  function lackOf(request: RoomRequest, rooms: readonly Room[], needs: TaskNeeds, closed: ReadonlySet<Room>) {
    const full = rooms.find((room) => closed.has(room) || (used.get(room) ?? 0) >= limitOf(room));
    if (full !== undefined || !request.task.requiresIsolation) return full;
    if (wantsGpu(request.task, needs) && (closed.has('GPU') || freeGpus.size === 0)) return 'GPU';
    const isAlone = (used.get('heavy tasks') ?? 0) === 0;
    if (closed.has('memory') || (!isAlone && needs.memoryMib > freeMemoryMib)) return 'memory';
    return undefined;
  }

  function lend({ task }: RoomRequest, rooms: readonly Room[], needs: TaskNeeds, gpus: readonly string[]): Lease {
    const memoryMib = task.requiresIsolation ? needs.memoryMib : 0;
    for (const room of rooms) used.set(room, (used.get(room) ?? 0) + 1);
    for (const id of gpus) freeGpus.delete(id);
    freeMemoryMib -= memoryMib;
    const release = once(() => {
      for (const room of rooms) used.set(room, (used.get(room) ?? 1) - 1);
      for (const id of gpus) if (machine.gpus.includes(id)) freeGpus.add(id);
      freeMemoryMib += memoryMib;
    });
    if (!task.requiresIsolation) return { limits: { cpuThreads: 1, memoryMib: lightMemoryMib, gpus }, release };
    const limitMib = Math.min(machine.memoryMib, Math.max(withHeadroom(memoryMib), memoryShareMib));
    return { limits: { cpuThreads, memoryMib: Math.max(memoryMib, limitMib), gpus }, release };
  }

  return {
    take(request, closed = nothing) {
      const needs = needsOf(request);
      const rooms = countedRooms(request);
      const lack = lackOf(request, rooms, needs, closed);
      if (lack !== undefined) return lack;
      return lend(request, rooms, needs, wantsGpu(request.task, needs) ? [...freeGpus].slice(0, 1) : []);
    },
    retake: (request, gpus) => lend(request, countedRooms(request), needsOf(request), gpus),
  };
}

/** An expectation is met in the middle: half of all runs take more, and a container is ended at its limit. */
function withHeadroom(memoryMib: number): number {
  return Math.ceil(1.25 * memoryMib) + 512;
}

const nothing: ReadonlySet<Room> = new Set();

/** What a task weighs: tasks of one weight wait for the same room. */
export function weightOf(task: Task): 'server' | 'light processes' | 'heavy tasks' {
  if (task.requiresIsolation) return 'heavy tasks';
  return task.work.where === 'server' ? 'server' : 'light processes';
}

function once(release: () => void): () => void {
  let released = false;
  return () => {
    if (!released) release();
    released = true;
  };
}
