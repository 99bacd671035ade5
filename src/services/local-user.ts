import { type Caller, scopes } from '../core/caller.ts';

/** The one user of a server without logins: whoever sits at the machine. */
export const localUser: Caller = { userId: 'local', role: 'admin', scopes };
