import { z } from 'zod';

/** How a failure is treated: shown to the user, tried again, final for this task, or a fault of ours. */
export const errorKinds = ['user', 'retryable', 'terminal', 'bug'] as const;

/** A failure as it travels: in `result.json`, in events and over every transport. */
export const taskErrorSchema = z.object({
  kind: z.enum(errorKinds),
  /** Stable and machine-readable, in snake_case: `out_of_memory`, `hub_unreachable`. */
  code: z.string(),
  /** What happened, for a person. */
  message: z.string(),
  /** What to do about it. */
  hint: z.string().optional(),
});
export type TaskError = z.infer<typeof taskErrorSchema>;

/** One thing wrong with what was submitted, placed as exactly as it can be. */
export interface Fault {
  /** Stable and machine-readable: `unknown_task`, `missing_input`, `cycle`. */
  code: string;
  node_id?: string;
  field?: string;
  message: string;
}

interface ErrorOptionsWithHint {
  hint?: string;
  cause?: unknown;
  faults?: Fault[];
}

abstract class TrainyardError extends Error {
  abstract readonly kind: TaskError['kind'];
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: ErrorOptionsWithHint = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** What was asked for cannot be done as asked; the message says why and the hint what to do. */
export class UserError extends TrainyardError {
  readonly kind = 'user';
  readonly faults: Fault[];

  constructor(code: string, message: string, options: ErrorOptionsWithHint = {}) {
    super(code, message, options);
    this.name = 'UserError';
    this.faults = options.faults ?? [];
  }
}

/** Infrastructure failed in a way that may pass: the retry policy decides. */
export class RetryableError extends TrainyardError {
  readonly kind = 'retryable';
  override name = 'RetryableError';
}

/** This task cannot succeed and trying again would not help. */
export class TerminalError extends TrainyardError {
  readonly kind = 'terminal';
  override name = 'TerminalError';
}

/** Any thrown value as a `TaskError`; what is none of ours is a bug and keeps only its message. */
export function toTaskError(thrown: unknown): TaskError {
  if (thrown instanceof UserError || thrown instanceof RetryableError || thrown instanceof TerminalError) {
    const { kind, code, message, hint } = thrown;
    return hint === undefined ? { kind, code, message } : { kind, code, message, hint };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { kind: 'bug', code: 'internal_error', message };
}

const diskFullCodes: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'disk_full'];

/** Whether this or what caused it is a disk, or a share of one, without room. */
export function isDiskFull(error: unknown): boolean {
  // Ten: a chain of causes may lead back to itself.
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth += 1) {
    if ('code' in at && diskFullCodes.includes(at.code)) return true;
  }
  return false;
}
