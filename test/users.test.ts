import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashPassword, isPassword } from '../src/users/passwords.ts';
import { openUserStore, type UserStore } from '../src/users/user-store.ts';
import { temporaryFolder } from './fakes/temporary-folder.ts';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let users: UserStore;
const password = 'a long enough password';

beforeEach(async () => {
  home = await temporaryFolder();
  users = openUserStore(join(home.path, 'users.sqlite'));
});

afterEach(async () => {
  users.close();
  await home[Symbol.asyncDispose]();
});

describe('a password', () => {
  it('is kept as argon2id with a salt of its own, and found again', async () => {
    const [one, two] = await Promise.all([hashPassword(password), hashPassword(password)]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=4\$/);
    expect(one).not.toBe(two);
    expect(await isPassword(password, one)).toBe(true);
    expect(await isPassword(`${password} `, one)).toBe(false);
    expect(await isPassword(password, undefined)).toBe(false);
    expect(await isPassword(password, 'rubbish')).toBe(false);
  });

  it.each(['short', 'x'.repeat(1001)])('is refused where it is "%s"', async (written) => {
    await expect(users.add({ name: 'ann', role: 'admin', password: written })).rejects.toMatchObject({
      code: 'weak_password',
    });
  });
});

describe('users', () => {
  it('begin with an admin, who takes over what was done before there were any', async () => {
    expect(users.hasUsers()).toBe(false);
    await expect(users.add({ name: 'bob', role: 'member', password })).rejects.toMatchObject({
      code: 'first_is_admin',
    });
    expect(await users.add({ name: 'ann', role: 'admin', password })).toMatchObject({
      user_id: 'local',
      role: 'admin',
    });
    expect(users.hasUsers()).toBe(true);
  });

  it('have one name each, whatever the case, and never lose their last admin', async () => {
    await users.add({ name: 'ann', role: 'admin', password });
    await expect(users.add({ name: 'ANN', role: 'member', password })).rejects.toMatchObject({ code: 'user_exists' });
    for (const name of ['', ' ann', 'a/b', 'x'.repeat(101), 'a\u0000b']) {
      await expect(users.add({ name, role: 'member', password }), name).rejects.toMatchObject({ code: 'wrong_name' });
    }
    for (const change of [{ role: 'member' }, { disabled: true }] as const) {
      await expect(users.change('ann', change)).rejects.toMatchObject({ code: 'last_admin' });
    }
    await users.add({ name: 'bob', role: 'admin', password });
    expect(await users.change('ann', { role: 'viewer' })).toMatchObject({ role: 'viewer' });
    await expect(users.change('eve', {})).rejects.toMatchObject({ code: 'unknown_user' });
  });

  it('are in a file that nobody else of the machine can read', () => {
    expect(statSync(join(home.path, 'users.sqlite')).mode & 0o777).toBe(0o600);
  });
});

describe('a token', () => {
  it('is kept as a hash alone, says what it may, and ends when it expires or is revoked', async () => {
    const { user_id } = await users.add({ name: 'ann', role: 'admin', password });
    const made = users.createToken(user_id, { name: 'ci', scopes: ['read'], days: 1 });
    expect(users.callerOf(made.token)).toEqual({ userId: user_id, role: 'admin', scopes: ['read'] });
    expect(users.tokens(user_id)[0]?.last_used_at).not.toBeNull();
    for (const name of ['users.sqlite', 'users.sqlite-wal']) {
      expect(readFileSync(join(home.path, name)).includes(made.token)).toBe(false);
    }
    const old = users.createToken(user_id, { name: 'old', scopes: ['read'], days: -1 });
    expect(users.callerOf(old.token)).toBeUndefined();
    users.revokeToken(user_id, made.token_id);
    expect(users.callerOf(made.token)).toBeUndefined();
    expect(() => users.revokeToken(user_id, made.token_id)).toThrow(expect.objectContaining({ code: 'unknown_token' }));
  });

  it('ends with a new password and with its user', async () => {
    const { user_id } = await users.add({ name: 'ann', role: 'admin', password });
    await users.add({ name: 'root', role: 'admin', password });
    const token = () => users.createToken(user_id, { name: 'ci', scopes: ['read'], days: 1 }).token;
    const first = token();
    await users.change('ann', { password: 'another long password' });
    expect(users.callerOf(first)).toBeUndefined();
    const second = token();
    await users.change('ann', { disabled: true });
    expect(users.callerOf(second)).toBeUndefined();
  });
});

it('keeps what was done, the latest first, page by page', () => {
  for (let at = 0; at < 5; at += 1) {
    users.record({ user_id: 'local', operation: 'pipelines.submit', object: `pipeline_${at}`, outcome: 'done' });
  }
  const [first, second] = users.audit({ limit: 2 });
  expect([first?.object, second?.object]).toEqual(['pipeline_4', 'pipeline_3']);
  expect(users.audit({ limit: 2, before: second?.seq }).map(({ object }) => object)).toEqual([
    'pipeline_2',
    'pipeline_1',
  ]);
});
