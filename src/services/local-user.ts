import type { Caller } from './pipelines.ts';

/** The one user of a server without logins: whoever sits at the machine. */
export const localUser: Caller = { userId: 'local' };
