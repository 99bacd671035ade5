import { RetryableError, UserError } from '../core/errors.ts';

/** What kind of answer an error deserves. Each transport has its own number for it. */
export type ErrorClass =
  | 'wrong_input'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'exists'
  | 'wrong_state'
  | 'too_many'
  | 'not_implemented'
  | 'unavailable'
  | 'bug';

/** A user's error that is not here is wrong input. */
const classOfCode: Record<string, ErrorClass> = {
  unauthenticated: 'unauthenticated',
  wrong_login: 'unauthenticated',
  forbidden: 'forbidden',
  unknown_user: 'not_found',
  unknown_token: 'not_found',
  unknown_pipeline: 'not_found',
  unknown_task: 'not_found',
  unknown_resource: 'not_found',
  no_pipelines: 'not_found',
  no_log: 'not_found',
  user_exists: 'exists',
  idempotency_key_reused: 'exists',
  last_admin: 'wrong_state',
  no_users: 'wrong_state',
  still_running: 'wrong_state',
  nothing_to_retry: 'wrong_state',
  too_many_logins: 'too_many',
  not_implemented: 'not_implemented',
};

export function errorClassOf(error: unknown): ErrorClass {
  if (error instanceof RetryableError) return 'unavailable';
  if (error instanceof UserError) return classOfCode[error.code] ?? 'wrong_input';
  return 'bug';
}
