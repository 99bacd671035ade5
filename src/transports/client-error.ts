import { randomUUID } from 'node:crypto';
import { RetryableError, toTaskError, UserError } from '../core/errors.ts';

/**
 * An error as a client gets it: what a user can mend or wait for with all it says, anything else as an id under which
 * the log has it.
 */
export function clientError(error: unknown): object {
  if (error instanceof UserError) {
    return { ...toTaskError(error), ...(error.faults.length > 0 && { faults: error.faults }) };
  }
  if (error instanceof RetryableError) return toTaskError(error);
  const id = randomUUID();
  process.stderr.write(`${id} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return { code: 'internal_error', message: `Something went wrong here; the log says more at ${id}.` };
}
