import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { roleSchema, scopeSchema } from '../../core/caller.ts';
import { newTokenSchema, newUserSchema, userChangeSchema } from '../../services/users.ts';
import { type ApiEnv, route } from './route.ts';

const user = z.object({
  user_id: z.string(),
  name: z.string(),
  role: roleSchema,
  created_at: z.string(),
  disabled_at: z.string().nullable(),
});
export const meSchema = z.object({
  user_id: z.string(),
  name: z.string(),
  role: roleSchema,
  scopes: z.array(scopeSchema),
  has_users: z.boolean().describe('Whether there are logins at all'),
});
const token = z.object({
  token_id: z.string(),
  name: z.string(),
  scopes: z.array(scopeSchema),
  created_at: z.string(),
  expires_at: z.string(),
  last_used_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
});
const auditEntry = z.object({
  seq: z.int(),
  time: z.string(),
  user_id: z.string(),
  operation: z.string(),
  object: z.string().nullable(),
  outcome: z.string(),
});
const tag = 'users';

const me = route({
  needs: (mine) => mine.users.me,
  method: 'get',
  path: '/api/me',
  tag,
  summary: 'Tell who you are',
  status: 200,
  answer: meSchema,
});
const list = route({
  needs: (mine) => mine.users.list,
  method: 'get',
  path: '/api/users',
  tag,
  summary: 'List the users',
  status: 200,
  answer: z.object({ users: z.array(user) }),
});
const add = route({
  needs: (mine) => mine.users.add,
  method: 'post',
  path: '/api/users',
  tag,
  summary: 'Add a user',
  status: 201,
  body: newUserSchema,
  answer: user,
});
const change = route({
  needs: (mine) => mine.users.change,
  method: 'patch',
  path: '/api/users/{name}',
  tag,
  summary: "Change a user's role or password, or let the user in no more",
  status: 200,
  params: z.object({ name: z.string() }),
  body: userChangeSchema,
  answer: user,
});
const tokens = route({
  needs: (mine) => mine.users.tokens,
  method: 'get',
  path: '/api/tokens',
  tag,
  summary: 'List your tokens',
  status: 200,
  answer: z.object({ tokens: z.array(token) }),
});
const createToken = route({
  needs: (mine) => mine.users.createToken,
  method: 'post',
  path: '/api/tokens',
  tag,
  summary: 'Make a token for a program; its secret is told once',
  status: 201,
  body: newTokenSchema,
  answer: token.extend({ token: z.string() }),
});
const revokeToken = route({
  needs: (mine) => mine.users.revokeToken,
  method: 'delete',
  path: '/api/tokens/{id}',
  tag,
  summary: 'Make a token good no more',
  status: 200,
  params: z.object({ id: z.string() }),
  answer: token,
});
const audit = route({
  needs: (mine) => mine.users.audit,
  method: 'get',
  path: '/api/audit',
  tag,
  summary: 'Show who did what, the latest first',
  status: 200,
  query: z.object({
    before: z.coerce.number().int().nonnegative().optional().describe('Only entries before this sequence number'),
    limit: z.coerce.number().int().min(1).max(200).optional(),
  }),
  answer: z.object({ entries: z.array(auditEntry) }),
});

export function addUserRoutes(api: OpenAPIHono<ApiEnv>): void {
  api.openapi(me, (c) => {
    const { scopes, ...more } = c.var.mine.users.me();
    return c.json({ ...more, scopes: [...scopes] }, 200);
  });
  api.openapi(list, (c) => c.json({ users: c.var.mine.users.list() }, 200));
  api.openapi(add, async (c) => c.json(await c.var.mine.users.add(c.req.valid('json')), 201));
  api.openapi(change, async (c) =>
    c.json(await c.var.mine.users.change(c.req.param('name'), c.req.valid('json')), 200),
  );
  api.openapi(tokens, (c) => c.json({ tokens: c.var.mine.users.tokens() }, 200));
  api.openapi(createToken, (c) => c.json(c.var.mine.users.createToken(c.req.valid('json')), 201));
  api.openapi(revokeToken, (c) => c.json(c.var.mine.users.revokeToken(c.req.param('id')), 200));
  api.openapi(audit, (c) => c.json({ entries: c.var.mine.users.audit(c.req.valid('query')) }, 200));
}
