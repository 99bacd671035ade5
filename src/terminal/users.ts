import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { roleSchema, scopeSchema } from '../core/caller.ts';
import { UserError } from '../core/errors.ts';
import { formatTable } from '../services/text-table.ts';
import { openUserStore, type User, type UserStore } from '../users/user-store.ts';
import { type CommandContext, exitCodes } from './context.ts';

/**
 * Users and tokens are changed in the home folder itself: who may write there may do all that an admin may, and a
 * server that runs sees it at once.
 */
async function withUsers(
  { config }: CommandContext,
  operation: string,
  work: (users: UserStore) => Promise<string | undefined> | string | undefined,
): Promise<number> {
  mkdirSync(config.home, { recursive: true, mode: 0o700 });
  const users = openUserStore(join(config.home, 'users.sqlite'));
  try {
    const object = await work(users);
    if (object !== undefined) users.record({ user_id: 'local', operation, object, outcome: 'done' });
    return exitCodes.succeeded;
  } finally {
    users.close();
  }
}

export function userCommand(
  words: readonly string[],
  { role }: { role: string },
  context: CommandContext,
): Promise<number> {
  const [order = 'list', name, word] = words;
  return withUsers(context, `user ${order}`, async (users) => {
    if (order === 'list') return show(users.list(), context);
    if (name === undefined)
      throw new UserError('wrong_arguments', `Something is missing: trainyard user ${order} NAME`);
    switch (order) {
      case 'add': {
        const parsed = parseRole(users.hasUsers() ? role : 'admin');
        return told(await users.add({ name, role: parsed, password: await askPassword(context) }), 'added', context);
      }
      case 'role':
        return told(await users.change(name, { role: parseRole(word) }), 'changed', context);
      case 'password':
        return told(await users.change(name, { password: await askPassword(context) }), 'changed', context);
      case 'disable':
      case 'enable':
        return told(await users.change(name, { disabled: order === 'disable' }), `${order}d`, context);
      default:
        throw unknownOrder('user', order);
    }
  });
}

interface TokenOptions {
  user?: string | undefined;
  scope: string;
  days: string;
}

export function tokenCommand(words: readonly string[], { user, scope, days }: TokenOptions, context: CommandContext) {
  const [order = 'list', word] = words;
  return withUsers(context, `token ${order}`, (users) => {
    const owner = users.list().find(({ name }) => name === user);
    if (owner === undefined) {
      throw new UserError(
        'unknown_user',
        user === undefined ? 'Whose token? Add --user NAME.' : `There is no user "${user}".`,
      );
    }
    switch (order) {
      case 'list':
        return showTokens(users, owner, context);
      case 'create': {
        if (word === undefined)
          throw new UserError('wrong_arguments', 'Something is missing: trainyard token create NAME');
        const made = users.createToken(owner.user_id, {
          name: word,
          scopes: parseScopes(scope),
          days: parseDays(days),
        });
        context.say(`This token is shown once; it is good until ${made.expires_at}:`);
        if (context.json) context.print(made);
        else context.say(made.token);
        return made.token_id;
      }
      case 'revoke': {
        const revoked = users.revokeToken(owner.user_id, word ?? '');
        context.say(`${revoked.name} is good no more.`);
        return revoked.token_id;
      }
      default:
        throw unknownOrder('token', order);
    }
  });
}

function show(list: User[], { json, print, say }: CommandContext): undefined {
  if (json) print(list);
  else if (list.length === 0) say('There are no users: whoever reaches this machine uses it without a login.');
  else say(formatTable(['name', 'role', 'since', ''], list.map(rowOf)));
}

function rowOf({ name, role, created_at, disabled_at }: User): string[] {
  return [name, role, created_at.slice(0, 10), disabled_at === null ? '' : 'disabled'];
}

function showTokens(users: UserStore, { user_id }: User, { json, print, say }: CommandContext): undefined {
  const tokens = users.tokens(user_id);
  if (json) print(tokens);
  else {
    const rows = tokens.map((token) => [
      token.token_id,
      token.name,
      token.scopes.join(','),
      token.revoked_at === null ? `until ${token.expires_at.slice(0, 10)}` : 'revoked',
      token.last_used_at === null ? 'never used' : `used ${token.last_used_at.slice(0, 10)}`,
    ]);
    say(formatTable(['id', 'name', 'scopes', '', ''], rows));
  }
}

function told(user: User, what: string, { json, print, say }: CommandContext): string {
  say(`${user.name} (${user.role}) is ${what}.`);
  if (json) print(user);
  return user.user_id;
}

function parseRole(word: string | undefined) {
  const parsed = roleSchema.safeParse(word);
  if (parsed.success) return parsed.data;
  throw new UserError('wrong_arguments', `A role is one of ${roleSchema.options.join(', ')}, not "${word ?? ''}".`);
}

function parseScopes(text: string) {
  const parsed = scopeSchema
    .array()
    .min(1)
    .safeParse(text.split(',').map((word) => word.trim()));
  if (parsed.success) return parsed.data;
  throw new UserError('wrong_arguments', `--scope takes ${scopeSchema.options.join(',')}, not "${text}".`);
}

function parseDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= 3650) return days;
  throw new UserError('wrong_arguments', `--days takes a number from 1 to 3650, not "${text}".`);
}

function unknownOrder(command: string, order: string): UserError {
  return new UserError('unknown_command', `There is no command "${command} ${order}".`, {
    hint: 'trainyard --help lists them.',
  });
}

/** Asks twice where a person sits there, without showing it; else the first line of what is piped in. */
async function askPassword({ signal }: CommandContext): Promise<string> {
  if (!process.stdin.isTTY) {
    for await (const line of createInterface({ input: process.stdin })) return line;
    throw new UserError('wrong_arguments', 'There is no password on standard input.');
  }
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  const ask = async (prompt: string) => {
    process.stderr.write(prompt);
    const answer = await lines.question('', { signal });
    process.stderr.write('\n');
    return answer;
  };
  try {
    const password = await ask('Password: ');
    if ((await ask('Once more: ')) === password) return password;
    throw new UserError('wrong_input', 'The two are not the same.');
  } finally {
    lines.close();
  }
}
