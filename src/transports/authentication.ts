import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../core/caller.ts';
import { UserError } from '../core/errors.ts';
import { localUser } from '../services/local-user.ts';
import type { UserStore } from '../users/user-store.ts';

/** What a request brings to say who it is. */
export interface Credentials {
  /** The header `Authorization`. */
  authorization?: string | undefined;
  /** The header `Cookie`. */
  cookie?: string | undefined;
}

/** Finds out who asks, the same for every transport. */
export interface Authentication {
  /** @throws UserError `unauthenticated`. */
  callerOf(credentials: Credentials): Caller;
  /** A session's secret. @throws UserError `wrong_login`, or `too_many_logins`. */
  logIn(name: string, password: string): Promise<string>;
  logOut(credentials: Credentials): void;
}

export const sessionCookie = 'trainyard_session';

/** Each takes 64 MiB and a good part of a second of all cores. */
const loginsAtOnce = 2;
const loginsAtMost = 16;

/**
 * Without users whoever reaches the server is its one user: it listens on loopback alone then.
 * @param ownerSecret what the owner of the home folder has, who is asked nothing more.
 */
export function createAuthentication(users: UserStore, ownerSecret?: string): Authentication {
  let waiting = 0;
  let running: Promise<unknown>[] = [];

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (waiting >= loginsAtMost) {
      throw new UserError('too_many_logins', 'Too many are logging in at this moment.', {
        hint: 'Try again in a minute.',
      });
    }
    waiting += 1;
    try {
      while (running.length >= loginsAtOnce) await Promise.race(running);
      const mine = work();
      const settled = mine.then(
        () => undefined,
        () => undefined,
      );
      running.push(settled);
      await settled;
      running = running.filter((one) => one !== settled);
      return await mine;
    } finally {
      waiting -= 1;
    }
  }

  return {
    callerOf(credentials) {
      if (!users.hasUsers()) return localUser;
      const secret = secretIn(credentials);
      if (secret !== undefined && ownerSecret !== undefined && isSame(secret, ownerSecret)) return localUser;
      const caller = secret === undefined ? undefined : users.callerOf(secret);
      if (caller !== undefined) return caller;
      const why = secret === undefined ? 'This needs a login.' : 'This token or session is not good, or not any more.';
      throw new UserError('unauthenticated', why, { hint: 'Log in on the page, or send a token as a bearer token.' });
    },

    async logIn(name, password) {
      const session = await inTurn(() => users.logIn(name, password));
      if (session !== undefined) return session;
      throw new UserError('wrong_login', 'There is no such user, or the password is another one.');
    },

    logOut(credentials) {
      const secret = secretIn(credentials);
      if (secret !== undefined) users.logOut(secret);
    },
  };
}

/** Takes as long whatever differs. */
function isSame(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

function secretIn({ authorization = '', cookie = '' }: Credentials): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  return bearer ?? new RegExp(`(?:^|; *)${sessionCookie}=([^;]+)`).exec(cookie)?.[1];
}
