import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { pipelineStatusSchema, pipelineSummarySchema, submittedSchema } from '../../services/pipeline-status.ts';
import { pipelineBody } from './bodies.ts';
import { type ApiEnv, route } from './route.ts';

const tag = 'pipelines';
const id = z.object({ id: z.string().describe("A pipeline's id, or that of one of its task runs") });
const base = '/api/pipelines';

const list = route({
  needs: (mine) => mine.pipelines.list,
  method: 'get',
  path: base,
  tag,
  summary: 'List your pipelines, the latest first',
  status: 200,
  query: z.object({
    limit: z.coerce.number().int().min(1).max(200).optional().describe('How many at most; 200 without it'),
    cursor: z.string().max(200).optional().describe('`next_cursor` of the page before'),
  }),
  answer: z.object({ pipelines: z.array(pipelineSummarySchema), next_cursor: z.string().nullable() }),
});

const submit = route({
  needs: (mine) => mine.pipelines.submit,
  method: 'post',
  path: base,
  tag,
  summary: 'Submit a pipeline',
  status: 201,
  headers: z.object({
    'idempotency-key': z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('The same key submits once, however often it comes'),
  }),
  body: pipelineBody,
  answer: submittedSchema,
});

const latest = route({
  needs: (mine) => mine.pipelines.status,
  method: 'get',
  path: `${base}/latest`,
  tag,
  summary: 'Tell how your latest pipeline stands',
  status: 200,
  answer: pipelineStatusSchema,
});
const status = route({
  needs: (mine) => mine.pipelines.status,
  method: 'get',
  path: `${base}/{id}`,
  tag,
  summary: 'Tell how a pipeline stands',
  status: 200,
  params: id,
  answer: pipelineStatusSchema,
});
const cancel = route({
  needs: (mine) => mine.pipelines.cancel,
  method: 'post',
  path: `${base}/{id}/cancel`,
  tag,
  summary: 'Stop a pipeline',
  status: 200,
  params: id,
  answer: pipelineStatusSchema,
});

const retry = route({
  needs: (mine) => mine.pipelines.retry,
  method: 'post',
  path: `${base}/{id}/retry`,
  tag,
  summary: 'Go on from what did not succeed, or run all of it anew',
  status: 200,
  params: id,
  body: z.strictObject({
    inputs: z.record(z.string(), z.json()).optional().describe('Other values for what is still to run'),
    fresh: z.boolean().optional().describe('Run all of it anew, as another pipeline'),
  }),
  bodyIsOptional: true,
  answer: pipelineStatusSchema,
});

const log = route({
  needs: (mine) => mine.pipelines.logs,
  method: 'get',
  path: `${base}/{id}/log`,
  tag,
  summary: 'Show the end of a log: of a task run, or of the node that failed or ran last',
  status: 200,
  params: id,
  answer: z.object({ task_id: z.string(), node_id: z.string(), text: z.string() }),
});

export function addPipelineRoutes(api: OpenAPIHono<ApiEnv>): void {
  api.openapi(list, (c) => {
    const { list: pageOf } = c.var.mine.pipelines;
    return c.json(pageOf(c.req.valid('query')), 200);
  });
  api.openapi(submit, (c) => {
    const key = c.req.header('idempotency-key');
    return c.json(
      c.var.mine.pipelines.submit(c.req.valid('json'), key === undefined ? {} : { idempotencyKey: key }),
      201,
    );
  });
  api.openapi(latest, (c) => c.json(c.var.mine.pipelines.status(), 200));
  api.openapi(status, (c) => c.json(c.var.mine.pipelines.status(c.req.param('id')), 200));
  api.openapi(cancel, (c) => c.json(c.var.mine.pipelines.cancel(c.req.param('id')), 200));
  api.openapi(retry, (c) => {
    const { inputs, fresh } = c.req.valid('json') ?? {};
    const { runAfresh, retry: again } = c.var.mine.pipelines;
    return c.json((fresh ? runAfresh : again)(c.req.param('id'), inputs), 200);
  });
  api.openapi(log, async (c) => c.json(await c.var.mine.pipelines.logs(c.req.param('id')), 200));
}
