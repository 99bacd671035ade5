import * as crypto from 'node:crypto';
import { promisify } from 'node:util';
import { UserError } from '../core/errors.ts';

/** RFC 9106's second recommendation, for servers with little memory: 64 MiB, three passes, four lanes. */
const cost = { memory: 64 * 1024, passes: 3, parallelism: 4, tagLength: 32 };
const saltBytes = 16;

/** A password as argon2id keeps it, with its parameters, in PHC's form. */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.randomBytes(saltBytes);
  const tag = await derive(password, salt, cost);
  const { memory, passes, parallelism } = cost;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

const form = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Takes as long for a user that does not exist: `kept` is then undefined. */
export async function isPassword(password: string, kept: string | undefined): Promise<boolean> {
  const [, memory, passes, parallelism, salt = '', tag = ''] = form.exec(kept ?? '') ?? [];
  if (memory === undefined) {
    await derive(password, Buffer.alloc(saltBytes), cost);
    return false;
  }
  const expected = Buffer.from(tag, 'base64');
  const parameters = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  const found = await derive(password, Buffer.from(salt, 'base64'), { ...parameters, tagLength: expected.length });
  return crypto.timingSafeEqual(found, expected);
}

function derive(password: string, nonce: Buffer, parameters: typeof cost): Promise<Buffer> {
  if (crypto.argon2 === undefined) {
    throw new UserError('node_too_old', 'Logins need a Node with argon2, which is 24.7 or newer.');
  }
  return promisify(crypto.argon2)('argon2id', { message: password.normalize('NFKC'), nonce, ...parameters });
}

const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');

const shortest = 10;
const longest = 1000;

/** @throws UserError for one that is too short to be a secret. */
export function checkPassword(password: string): void {
  if (password.length >= shortest && password.length <= longest) return;
  throw new UserError('weak_password', `A password has ${shortest} to ${longest} characters.`);
}
