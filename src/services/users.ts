import { z } from 'zod';
import { type Caller, type Role, roleSchema, type Scope, scopeSchema } from '../core/caller.ts';
import { UserError } from '../core/errors.ts';
import type { AuditRow, TokenInfo, User, UserStore } from '../users/user-store.ts';

export interface Me {
  user_id: string;
  name: string;
  role: Role;
  scopes: readonly Scope[];
  /** Whether there are logins at all. */
  has_users: boolean;
}

const password = z.string().min(10).max(1000);
export const newUserSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,99}$/u)
    .describe('Letters, digits, dots, hyphens, underscores or @'),
  role: roleSchema,
  password,
});
export const userChangeSchema = z.strictObject({
  role: roleSchema.optional(),
  password: password.optional(),
  disabled: z.boolean().optional(),
});
export const newTokenSchema = z.strictObject({
  name: z.string().min(1).max(100),
  scopes: z.array(scopeSchema).min(1),
  days: z.int().min(1).max(3650).default(90),
});

/** Who may come in, and what was done. */
export interface UserService {
  me(caller: Caller): Me;
  list(caller: Caller): User[];
  add(caller: Caller, user: z.input<typeof newUserSchema>): Promise<User>;
  change(caller: Caller, name: string, change: z.input<typeof userChangeSchema>): Promise<User>;
  /** A token of the caller's own, with no more than the caller may. Its secret is told once. */
  createToken(caller: Caller, token: z.input<typeof newTokenSchema>): TokenInfo & { token: string };
  tokens(caller: Caller): TokenInfo[];
  revokeToken(caller: Caller, tokenId: string): TokenInfo;
  /** What was done last, the latest first. */
  audit(caller: Caller, options?: { before?: number | undefined; limit?: number | undefined }): AuditRow[];
}

const auditLimit = 200;

export function createUserService(store: UserStore): UserService {
  return {
    me({ userId, role, scopes }) {
      const name = store.list().find(({ user_id }) => user_id === userId)?.name ?? userId;
      return { user_id: userId, name, role, scopes, has_users: store.hasUsers() };
    },

    list: () => store.list(),
    async add(_caller, user) {
      if (store.hasUsers()) return store.add(newUserSchema.parse(user));
      throw new UserError('no_users', 'The first user is added by whoever owns the home folder.', {
        hint: 'Run `trainyard user add NAME` in a terminal of this machine.',
      });
    },

    change: (_caller, name, change) => {
      const { role, password, disabled } = userChangeSchema.parse(change);
      return store.change(name, {
        ...(role !== undefined && { role }),
        ...(password !== undefined && { password }),
        ...(disabled !== undefined && { disabled }),
      });
    },

    createToken({ userId, scopes }, token) {
      const { name, scopes: wanted, days } = newTokenSchema.parse(token);
      const tooMuch = wanted.find((scope) => !scopes.includes(scope));
      if (tooMuch !== undefined) throw new UserError('forbidden', `You may not give a token the scope ${tooMuch}.`);
      if (!store.hasUsers()) {
        throw new UserError('no_users', 'There are no users, so that nobody needs a token.', {
          hint: 'Add one with `trainyard user add NAME`.',
        });
      }
      return store.createToken(userId, { name, scopes: wanted, days });
    },

    tokens: ({ userId }) => store.tokens(userId),
    revokeToken: ({ userId }, tokenId) => store.revokeToken(userId, tokenId),
    audit: (_caller, { before, limit = auditLimit } = {}) =>
      store.audit({ before, limit: Math.min(limit, auditLimit) }),
  };
}
