import { Metadata, status } from '@grpc/grpc-js';
import { UserError } from '../core/errors.ts';
import { clientError } from './client-error.ts';
import { type ErrorClass, errorClassOf } from './error-class.ts';
import { encodeErrorDetails } from './grpc-error-details.ts';

const codeOfClass = {
  wrong_input: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  not_found: status.NOT_FOUND,
  exists: status.ALREADY_EXISTS,
  wrong_state: status.FAILED_PRECONDITION,
  too_many: status.RESOURCE_EXHAUSTED,
  not_implemented: status.UNIMPLEMENTED,
  unavailable: status.UNAVAILABLE,
  bug: status.INTERNAL,
} as const satisfies Record<ErrorClass, status>;

/** How a call ends that has failed, in gRPC's words. */
export interface FailedStatus {
  code: status;
  details: string;
  metadata: Metadata;
}

/** Clients take 8 KiB of metadata at least, and a character may become three there. */
const longestMessage = 1000;

/** What a user can mend or wait for with all it says, anything else as an id under which the log has it. */
export function statusOf(error: unknown): FailedStatus {
  const { code: reason, message, hint } = clientError(error) as { code: string; message: string; hint?: string };
  const code = codeOfClass[errorClassOf(error)];
  const details = shorten(message, longestMessage);
  const faults = error instanceof UserError ? error.faults : [];
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', encodeErrorDetails({ code, message: details, reason, hint, faults }));
  return { code, details, metadata };
}

/** At most so many bytes of UTF-8, which any string can be written as. */
function shorten(text: string, bytes: number): string {
  const encoded = Buffer.from(text.toWellFormed());
  if (encoded.length <= bytes) return encoded.toString();
  // A character that is cut in two is left out.
  return `${new TextDecoder().decode(encoded.subarray(0, bytes), { stream: true })}…`;
}
