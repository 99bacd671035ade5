import type { Config } from '../config.ts';
import type { PipelineStatus } from '../services/pipeline-status.ts';

/** What every command is given. */
export interface CommandContext {
  config: Config;
  json: boolean;
  /** Lines for a person; they go to stderr when stdout is for JSON. */
  say: (text: string) => void;
  /** What the command was asked for, on stdout. */
  print: (value: unknown) => void;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}

export const exitCodes = { succeeded: 0, failed: 1, wrongInput: 2, interrupted: 130 } as const;

/** A run that failed at what its user gave it, such as a malformed row, counts as wrong input. */
export function exitCodeOf({ state, tasks }: PipelineStatus, { signal }: CommandContext): number {
  if (state === 'succeeded') return exitCodes.succeeded;
  if (signal.aborted) return exitCodes.interrupted;
  return tasks.some((task) => task.error?.kind === 'user') ? exitCodes.wrongInput : exitCodes.failed;
}
