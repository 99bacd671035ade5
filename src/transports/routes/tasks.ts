import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { taskTypeSchema } from '../../core/task.ts';
import { type ApiEnv, route } from './route.ts';

const tag = 'tasks';
const jsonSchema = z.record(z.string(), z.unknown());
const summary = z.object({
  name: z.string(),
  task_type: taskTypeSchema,
  summary: z.string(),
  requires_isolation: z.boolean(),
});
const info = summary.extend({
  examples: z.array(z.string()),
  input_schema: jsonSchema.describe('JSON Schema of the inputs as a caller writes them'),
  output_schema: jsonSchema,
  exactly_one_of: z.array(z.array(z.string())).describe('Pairs of inputs of which exactly one is given'),
});

const list = route({
  needs: (mine) => mine.tasks.list,
  method: 'get',
  path: '/api/tasks',
  tag,
  summary: 'List the tasks that exist',
  status: 200,
  query: z.object({ filter_type: taskTypeSchema.optional() }),
  answer: z.object({ tasks: z.array(summary) }),
});

const describe = route({
  needs: (mine) => mine.tasks.info,
  method: 'get',
  path: '/api/tasks/{name}',
  tag,
  summary: 'Describe a task with its inputs and outputs',
  status: 200,
  params: z.object({ name: z.string() }),
  answer: info,
});

const submit = route({
  needs: (mine) => mine.pipelines.submitTask,
  method: 'post',
  path: '/api/tasks/{name}/runs',
  tag,
  summary: 'Run a single task',
  status: 201,
  params: z.object({ name: z.string() }),
  body: z.strictObject({ inputs: z.record(z.string(), z.json()).default({}) }),
  answer: z.object({ pipeline_id: z.string(), task_ids: z.array(z.string()) }),
});

export function addTaskRoutes(api: OpenAPIHono<ApiEnv>): void {
  api.openapi(list, (c) => c.json({ tasks: c.var.mine.tasks.list(c.req.valid('query').filter_type) }, 200));
  api.openapi(describe, (c) => {
    const { examples, exactly_one_of, ...more } = c.var.mine.tasks.info(c.req.param('name'));
    return c.json({ ...more, examples: [...examples], exactly_one_of: exactly_one_of.map((pair) => [...pair]) }, 200);
  });
  api.openapi(submit, (c) =>
    c.json(c.var.mine.pipelines.submitTask(c.req.param('name'), c.req.valid('json').inputs), 201),
  );
}
