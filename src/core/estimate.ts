import { z } from 'zod';

/** What a node is expected to take, said before it runs. */
export const estimateSchema = z.object({
  /** Main memory of the process. */
  memory_mib: z.number().nonnegative(),
  /** Memory of its GPU; null where it runs without one. */
  gpu_memory_mib: z.number().nonnegative().nullable(),
  /** Disk space for what it reads and leaves, null where the size of its data is not known yet. */
  disk_mib: z.number().nonnegative().nullable(),
  /** Null where it cannot be told before the data is loaded. */
  seconds: z.number().nonnegative().nullable(),
  /** Where the seconds come from. */
  basis: z.enum(['earlier runs', 'size', 'unknown']),
});
export type Estimate = z.infer<typeof estimateSchema>;

/** Where a task would run. */
export interface Workplace {
  cpuThreads: number;
  /** Main memory of the machine. */
  memoryMib: number;
  /** Main memory that a task is given even where it needs less. */
  memoryShareMib: number;
  /** Memory of the GPU that it would get; null where there is none. */
  gpuMemoryMib: number | null;
}

/** What is known of a resource without opening it: its metadata, as written or as foreseen. */
export type Metadata = Readonly<Record<string, unknown>>;

/** What a task is expected to take at a workplace, from the size of its model and its data alone. */
export interface Expectation {
  memoryMib: number;
  /** Null where it would run without a GPU. */
  gpuMemoryMib: number | null;
  /** Null where the size of the data is not known. */
  diskMib: number | null;
  /** What it fetches beside that, once for all runs that need it. */
  download?: { name: string; mib: number };
  /** Seconds before the work begins, however large it is. */
  startSeconds: number;
  /** Seconds of the work at the speed such a workplace is known for; null where its amount is not known. */
  workSeconds: number | null;
  /** What it works on, such as a model's name: runs on the same tell most of each other. */
  subject?: string | undefined;
  /** Parameters of the model that it works on. */
  parameters?: number | undefined;
  /** Numbers that its memory hangs on, as they are in force, the one that costs least quality first. */
  shrinkable: Readonly<Record<string, number>>;
  /** The metadata of what it makes, by output, as far as it can be foreseen. */
  produces: Readonly<Record<string, Metadata>>;
}

/**
 * @param known metadata of what the inputs name or bring, by input
 */
export type EstimateTask = (
  inputs: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, Metadata>>,
  place: Workplace,
) => Expectation;
