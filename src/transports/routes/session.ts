import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import type { Caller } from '../../core/caller.ts';
import type { UserServices } from '../../services/access.ts';
import { type Authentication, type Credentials, sessionCookie } from '../authentication.ts';
import { type ApiEnv, route } from './route.ts';
import { meSchema } from './users.ts';

const logIn = route({
  method: 'post',
  path: '/api/session',
  tag: 'session',
  summary: 'Log in: the session is a cookie that no script can read',
  status: 201,
  body: z.strictObject({ name: z.string().max(100), password: z.string().max(1000) }),
  answer: meSchema,
});

const logOut = route({
  method: 'delete',
  path: '/api/session',
  tag: 'session',
  summary: 'Log out',
  status: 200,
  answer: z.object({ logged_in: z.boolean() }),
});

const cookieOptions = { httpOnly: true, sameSite: 'Strict', path: '/', maxAge: 14 * 24 * 3600 } as const;

/** The two routes that stand before the question who is there. */
export function addSessionRoutes(
  api: OpenAPIHono<ApiEnv>,
  authentication: Authentication,
  servicesFor: (caller: Caller) => UserServices,
): void {
  api.openapi(logIn, async (c) => {
    const { name, password } = c.req.valid('json');
    const session = await authentication.logIn(name, password);
    setCookie(c, sessionCookie, session, { ...cookieOptions, secure: isEncrypted(c) });
    const caller = authentication.callerOf({ cookie: `${sessionCookie}=${session}` });
    const { scopes, ...more } = servicesFor(caller).users.me();
    return c.json({ ...more, scopes: [...scopes] }, 201);
  });
  api.openapi(logOut, (c) => {
    authentication.logOut(credentialsOf(c));
    deleteCookie(c, sessionCookie, cookieOptions);
    return c.json({ logged_in: false }, 200);
  });
}

/** Behind a proxy that speaks TLS, the cookie is for that alone. */
function isEncrypted(c: Context): boolean {
  return c.req.header('x-forwarded-proto') === 'https' || new URL(c.req.url).protocol === 'https:';
}

export function credentialsOf(c: Context): Credentials {
  return { authorization: c.req.header('authorization'), cookie: c.req.header('cookie') };
}
