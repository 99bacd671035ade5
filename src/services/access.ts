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

/**
 * The one door to the services: every transport gets them for a caller, and from here alone. What changes something,
 * and what is refused, is told to `audit`.
 */
export function createAccess(services: Services, audit: (entry: AuditEntry) => void): (caller: Caller) => UserServices {
  const operations = Object.entries(needed).flatMap(([group, scopes]) =>
    Object.entries(scopes).map(([name, scope]) => {
      const owner = services[group as keyof Services] as unknown as Record<string, AnyOperation>;
      return { group, name, scope: scope as Scope, owner };
    }),
  );

  function guarded(caller: Caller, { group, name, scope, owner }: (typeof operations)[number]) {
    const operation = `${group}.${name}`;
    const tell = (outcome: AuditEntry['outcome'], object?: unknown) =>
      audit({ user_id: caller.userId, operation, object: idIn(object), outcome });
    return (...args: unknown[]) => {
      if (!may(caller, scope)) {
        tell('refused', args[0]);
        throw forbidden(caller, scope);
      }
      if (scope === 'read') return owner[name]?.(caller, ...args);
      try {
        const result = owner[name]?.(caller, ...args);
        if (!(result instanceof Promise)) {
          tell('done', idIn(result) ?? args[0]);
          return result;
        }
        return result.then(
          (value) => {
            tell('done', idIn(value) ?? args[0]);
            return value;
          },
          (error) => {
            tell('failed', args[0]);
            throw error;
          },
        );
      } catch (error) {
        tell('failed', args[0]);
        throw error;
      }
    };
  }

  return (caller) => {
    const mine: Record<string, Record<string, unknown>> = {};
    for (const operation of operations) {
      mine[operation.group] ??= {};
      (mine[operation.group] as Record<string, unknown>)[operation.name] = guarded(caller, operation);
    }
    return mine as unknown as UserServices;
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
