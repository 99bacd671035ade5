import { createHash, randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import Database from 'better-sqlite3';
import { type Caller, type Role, roleSchema, type Scope, scopeSchema, scopesOf } from '../core/caller.ts';
import { UserError } from '../core/errors.ts';
import { checkPassword, hashPassword, isPassword } from './passwords.ts';

export interface User {
  user_id: string;
  name: string;
  role: Role;
  created_at: string;
  /** Set where the user may no longer come in. */
  disabled_at: string | null;
}

export interface TokenInfo {
  token_id: string;
  name: string;
  scopes: Scope[];
  created_at: string;
  expires_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}

export interface AuditRow {
  seq: number;
  time: string;
  user_id: string;
  operation: string;
  object: string | null;
  outcome: string;
}

/** Users with their passwords and tokens, none of which can be read out again, and what they did. */
export interface UserStore {
  /** Whether there are any: without users there are no logins. */
  hasUsers(): boolean;
  list(): User[];
  /** @throws UserError `user_exists`, or for a name or password of a wrong form. */
  add(user: { name: string; role: Role; password: string }): Promise<User>;
  /** @throws UserError `unknown_user`, or `last_admin`. */
  change(name: string, change: { role?: Role; password?: string; disabled?: boolean }): Promise<User>;
  /** A new session's secret, or undefined for a wrong name or password. */
  logIn(name: string, password: string): Promise<string | undefined>;
  logOut(session: string): void;
  /** The secret is told once, here. */
  createToken(
    userId: string,
    token: { name: string; scopes: readonly Scope[]; days: number },
  ): TokenInfo & { token: string };
  tokens(userId: string): TokenInfo[];
  /** @throws UserError `unknown_token`. */
  revokeToken(userId: string, tokenId: string): TokenInfo;
  /** Whose session or token a secret is; undefined for one that is none, or none any more. */
  callerOf(secret: string): Caller | undefined;
  record(entry: Omit<AuditRow, 'seq' | 'time' | 'object'> & { object: string | undefined }): void;
  audit(options: { before?: number | undefined; limit: number }): AuditRow[];
  close(): void;
}

const schema = `
CREATE TABLE IF NOT EXISTS users (
  user_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, role TEXT NOT NULL, password TEXT NOT NULL,
  created_at TEXT NOT NULL, disabled_at TEXT
) STRICT;
-- Of a secret only its hash is kept: it has 256 random bits, so that no salt or cost is needed.
CREATE TABLE IF NOT EXISTS tokens (
  token_id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users, name TEXT NOT NULL,
  scopes TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL, last_used_at TEXT, revoked_at TEXT,
  is_session INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS audit (
  seq INTEGER PRIMARY KEY, time TEXT NOT NULL, user_id TEXT NOT NULL, operation TEXT NOT NULL, object TEXT,
  outcome TEXT NOT NULL
) STRICT;
`;

const namePattern = /^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,99}$/u;
const sessionDays = 14;
const dayMs = 24 * 3_600_000;
/** How exactly the last use of a token is kept. */
const usedEveryMs = 60_000;

export function openUserStore(file: string): UserStore {
  const db = new Database(file);
  chmodSync(file, 0o600);
  db.pragma('journal_mode = WAL');
  db.pragma('foreign_keys = ON');
  db.exec(schema);
  const userColumns = 'user_id, name, role, created_at, disabled_at';
  const tokenColumns = 'token_id, name, scopes, created_at, expires_at, last_used_at, revoked_at';
  const statements = {
    count: db.prepare('SELECT count(*) FROM users').pluck(),
    list: db.prepare(`SELECT ${userColumns} FROM users ORDER BY name`),
    byName: db.prepare(`SELECT ${userColumns}, password FROM users WHERE name = ?`),
    insert: db.prepare('INSERT INTO users VALUES (@user_id, @name, @role, @password, @created_at, NULL)'),
    update: db.prepare(
      'UPDATE users SET role = @role, password = @password, disabled_at = @disabled_at WHERE name = @name',
    ),
    admins: db.prepare("SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL AND name <> ?").pluck(),
    insertToken: db.prepare(
      'INSERT INTO tokens VALUES (@token_id, @hash, @user_id, @name, @scopes, @created_at, @expires_at, NULL, NULL, @is_session)',
    ),
    tokens: db.prepare(`SELECT ${tokenColumns} FROM tokens WHERE user_id = ? AND is_session = 0 ORDER BY created_at`),
    revoke: db.prepare(
      'UPDATE tokens SET revoked_at = @now WHERE token_id = @tokenId AND user_id = @userId AND revoked_at IS NULL',
    ),
    revokeAll: db.prepare('UPDATE tokens SET revoked_at = @now WHERE user_id = @userId AND revoked_at IS NULL'),
    revokeHash: db.prepare('UPDATE tokens SET revoked_at = ? WHERE hash = ?'),
    bySecret: db.prepare(
      `SELECT token_id, scopes, last_used_at, user_id, role FROM tokens JOIN users USING (user_id)
       WHERE hash = ? AND revoked_at IS NULL AND disabled_at IS NULL AND expires_at > ?`,
    ),
    use: db.prepare('UPDATE tokens SET last_used_at = ? WHERE token_id = ?'),
    record: db.prepare('INSERT INTO audit VALUES (NULL, @time, @user_id, @operation, @object, @outcome)'),
    audit: db.prepare('SELECT * FROM audit WHERE seq < @before ORDER BY seq DESC LIMIT @limit'),
  };
  const now = () => new Date().toISOString();

  function rowOf(name: string): User & { password: string } {
    const row = statements.byName.get(name) as (User & { password: string }) | undefined;
    if (row !== undefined) return { ...row, role: roleSchema.parse(row.role) };
    throw new UserError('unknown_user', `There is no user "${name}".`);
  }

  function makeToken(userId: string, name: string, given: readonly Scope[], days: number, isSession: boolean) {
    const token = `ty_${randomBytes(32).toString('base64url')}`;
    const row = {
      token_id: `tok_${randomBytes(6).toString('hex')}`,
      name,
      scopes: JSON.stringify(given),
      created_at: now(),
      expires_at: new Date(Date.now() + days * dayMs).toISOString(),
    };
    statements.insertToken.run({ ...row, user_id: userId, hash: hashOf(token), is_session: isSession ? 1 : 0 });
    return { ...row, scopes: [...given], last_used_at: null, revoked_at: null, token };
  }

  return {
    hasUsers: () => Number(statements.count.get()) > 0,
    list: () => statements.list.all() as User[],

    async add({ name, role, password }) {
      if (!namePattern.test(name)) {
        throw new UserError('wrong_name', `"${name}" cannot be a user's name.`, {
          hint: 'A name has letters, digits, dots, hyphens, underscores or @, up to 100 of them.',
        });
      }
      checkPassword(password);
      if (statements.byName.get(name) !== undefined)
        throw new UserError('user_exists', `There is a user "${name}" already.`);
      // Whoever comes first takes over what was done while nobody had to log in.
      const isFirst = Number(statements.count.get()) === 0;
      if (isFirst && role !== 'admin') throw new UserError('first_is_admin', 'The first user is to be an admin.');
      const user_id = isFirst ? 'local' : `user_${randomBytes(6).toString('hex')}`;
      const user = { user_id, name, role, created_at: now() };
      statements.insert.run({ ...user, password: await hashPassword(password) });
      return { ...user, disabled_at: null };
    },

    async change(name, { role, password, disabled }) {
      const before = rowOf(name);
      const isAdmin = (role ?? before.role) === 'admin' && !(disabled ?? before.disabled_at !== null);
      if (!isAdmin && Number(statements.admins.get(before.name)) === 0) {
        throw new UserError('last_admin', `${before.name} is the last admin.`, {
          hint: 'Make another user admin first.',
        });
      }
      if (password !== undefined) checkPassword(password);
      const next = {
        ...before,
        role: role ?? before.role,
        password: password === undefined ? before.password : await hashPassword(password),
        disabled_at: disabled === undefined ? before.disabled_at : disabled ? (before.disabled_at ?? now()) : null,
      };
      statements.update.run({
        name: next.name,
        role: next.role,
        password: next.password,
        disabled_at: next.disabled_at,
      });
      // Whoever knew the old password is out.
      if (password !== undefined) statements.revokeAll.run({ userId: next.user_id, now: now() });
      const { password: _, ...user } = next;
      return user;
    },

    async logIn(name, password) {
      const row = statements.byName.get(name) as (User & { password: string }) | undefined;
      if (!(await isPassword(password, row?.password)) || row === undefined || row.disabled_at !== null)
        return undefined;
      return makeToken(row.user_id, 'session', scopesOf(roleSchema.parse(row.role)), sessionDays, true).token;
    },

    logOut: (session) => void statements.revokeHash.run(now(), hashOf(session)),
    createToken: (userId, { name, scopes, days }) => makeToken(userId, name, scopes, days, false),
    tokens: (userId) => (statements.tokens.all(userId) as TokenRow[]).map(tokenInfo),

    revokeToken(userId, tokenId) {
      const { changes } = statements.revoke.run({ userId, tokenId, now: now() });
      const token = (statements.tokens.all(userId) as TokenRow[]).find((row) => row.token_id === tokenId);
      if (changes === 0 || token === undefined)
        throw new UserError('unknown_token', `There is no token ${tokenId} that is good.`);
      return tokenInfo(token);
    },

    callerOf(secret) {
      const row = statements.bySecret.get(hashOf(secret), now()) as SecretRow | undefined;
      if (row === undefined) return undefined;
      if (Date.now() - Date.parse(row.last_used_at ?? '1970-01-01') > usedEveryMs)
        statements.use.run(now(), row.token_id);
      return {
        userId: row.user_id,
        role: roleSchema.parse(row.role),
        scopes: scopeSchema.array().parse(JSON.parse(row.scopes)),
      };
    },

    record: ({ object, ...entry }) => void statements.record.run({ ...entry, object: object ?? null, time: now() }),
    audit: ({ before = Number.MAX_SAFE_INTEGER, limit }) => statements.audit.all({ before, limit }) as AuditRow[],
    close: () => void db.close(),
  };
}

type TokenRow = Omit<TokenInfo, 'scopes'> & { scopes: string };
interface SecretRow {
  token_id: string;
  scopes: string;
  last_used_at: string | null;
  user_id: string;
  role: string;
}

function tokenInfo({ scopes, ...row }: TokenRow): TokenInfo {
  return { ...row, scopes: scopeSchema.array().parse(JSON.parse(scopes)) };
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
