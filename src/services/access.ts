import { type Caller, may, type Scope } from '../core/caller.ts';
import { UserError } from '../core/errors.ts';
import type { Services } from './services.ts';

/** What each operation needs of its caller. An operation that is not here does not compile. */
const needed = {
  tasks: { list: 'read', info: 'read' },
  pipelines: {
    submit: 'write',
    submitTask: 'write',
    list: 'read',
    status: 'read',
    cancel: 'write',
    retry: 'write',
    runAfresh: 'write',
    compare: 'read',
    logs: 'read',
  },
  conversations: { send: 'write', answer: 'write' },
  feed: { follow: 'read' },
  users: {
    me: 'read',
    list: 'admin',
    add: 'admin',
    change: 'admin',
    createToken: 'write',
    tokens: 'read',
    revokeToken: 'write',
    audit: 'admin',
  },
} as const satisfies { [Group in keyof Services]: Record<keyof Services[Group], Scope> };

type Bound<Operation> = Operation extends (caller: never, ...args: infer Args) => infer Result
  ? (...args: Args) => Result
  : never;

/** The operations as one caller has them: what the caller may not do is refused before anything is looked at. */
export type UserServices = {
  [Group in keyof Services]: { [Name in keyof Services[Group]]: Bound<Services[Group][Name]> };
};

/** One thing that somebody did, or was refused. */
export interface AuditEntry {
  user_id: string;
  /** Such as `pipelines.submit`. */
  operation: string;
  /** The id of what it was about, where it has one. */
  object: string | undefined;
  outcome: 'done' | 'refused' | 'failed';
}

type AnyOperation = (caller: Caller, ...args: unknown[]) => unknown;
type Group = { [callerKey]: Caller };
const callerKey = Symbol('caller');

/**
 * The one door to the services: every transport gets them for a caller, and from here alone. An operation that the
 * caller may not have is refused when it is reached for, before any argument is read. What changes something, and what
 * is refused, is told to `audit`.
 */
export function createAccess(services: Services, audit: (entry: AuditEntry) => void): (caller: Caller) => UserServices {
  const groups = Object.entries(needed).map(([group, scopes]) => {
    const owner = services[group as keyof Services] as unknown as Record<string, AnyOperation>;
    const door = {};
    for (const [name, scope] of Object.entries(scopes)) {
      const operation = `${group}.${name}`;
      Object.defineProperty(door, name, {
        get(this: Group) {
          return openTo(this[callerKey], { operation, scope, owner, name }, audit);
        },
      });
    }
    return [group, door] as const;
  });

  return (caller) => {
    const mine: Record<string, Group> = {};
    for (const [group, door] of groups)
      mine[group] = Object.assign(Object.create(door) as object, { [callerKey]: caller });
    return mine as unknown as UserServices;
  };
}

interface Door {
  operation: string;
  scope: Scope;
  owner: Record<string, AnyOperation>;
  name: string;
}

/** @throws UserError `forbidden`. */
function openTo(caller: Caller, { operation, scope, owner, name }: Door, audit: (entry: AuditEntry) => void) {
  const tell = (outcome: AuditEntry['outcome'], object?: unknown) =>
    audit({ user_id: caller.userId, operation, object: idIn(object), outcome });
  if (!may(caller, scope)) {
    tell('refused');
    throw forbidden(caller, scope);
  }
  const call = (...args: unknown[]) => owner[name]?.(caller, ...args);
  if (scope === 'read') return call;
  return (...args: unknown[]) => {
    const done = (result: unknown) => {
      tell('done', idIn(result) ?? args[0]);
      return result;
    };
    const failed = (error: unknown) => {
      tell('failed', args[0]);
      throw error;
    };
    try {
      const result = call(...args);
      return result instanceof Promise ? result.then(done, failed) : done(result);
    } catch (error) {
      return failed(error);
    }
  };
}

const idKeys = ['pipeline_id', 'resource_id', 'upload_id', 'token_id', 'user_id'];
const longestId = 200;

/** The id that a value is, or has. */
function idIn(value: unknown): string | undefined {
  if (typeof value === 'string') return value.slice(0, longestId);
  if (typeof value !== 'object' || value === null) return undefined;
  const key = idKeys.find((name) => name in value);
  return key === undefined ? undefined : String((value as Record<string, unknown>)[key]).slice(0, longestId);
}

function forbidden({ role, scopes }: Caller, scope: Scope): UserError {
  const what = { read: 'look at this', write: 'change anything', admin: 'manage users' }[scope];
  const byToken = scopes.includes(scope) ? '' : ' with these credentials';
  return new UserError('forbidden', `A ${role} may not ${what}${byToken}.`, {
    hint: byToken === '' ? 'Ask an admin for another role.' : 'Use a token with more scopes.',
  });
}
