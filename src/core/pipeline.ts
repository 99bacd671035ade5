import { z } from 'zod';

const id = z
  .string()
  .min(1)
  .max(200)
  // Records by id are plain objects, in which this one name means something else.
  .refine((text) => text !== '__proto__', 'this name cannot be used');
const values = z.record(z.string(), z.json());

export const maxNodes = 10_000;

/** How a node is run; what is not given here is the task's own. */
export const policySchema = z.strictObject({
  max_attempts: z
    .int()
    .min(1)
    .max(100)
    .optional()
    .describe('Tries in all; only what may pass by itself is tried again'),
  timeout_seconds: z.number().positive().max(31_536_000).optional().describe('Time limit of a try'),
  grace_seconds: z
    .number()
    .nonnegative()
    .max(86_400)
    .optional()
    .describe('Seconds between being asked to stop and being killed'),
  reuse: z.boolean().optional().describe('false: run it even where an equal node has finished before'),
});
export type Policy = z.infer<typeof policySchema>;

/** The pipeline's JSON: the one definition of the dialect. */
export const pipelineSchema = z.strictObject({
  pipeline_id: id.regex(/^[\w.:-]+$/, 'a pipeline_id has letters, digits and _ . : - alone').optional(),
  name: z.string().max(500).optional(),
  /** Given to every node whose task takes an input of that name and that has no value of its own. */
  global_inputs: values.optional(),
  /** Of two pipelines that wait for room, the one with the higher number is served first. */
  priority: z.int().min(-100).max(100).optional(),
  /** For every node that has no word of its own on it. */
  policy: policySchema.optional(),
  nodes: z
    .array(
      z.strictObject({
        node_id: id,
        task_name: z.string(),
        inputs: values.optional(),
        /** `"node.output": "input"` */
        input_mappings: z.record(z.string(), z.string()).optional(),
        policy: policySchema.optional(),
      }),
    )
    .min(1, 'a pipeline needs at least one node')
    .max(maxNodes, `a pipeline has at most ${maxNodes.toLocaleString('en')} nodes`),
  edges: z.array(z.strictObject({ from: z.string(), to: z.string() })).optional(),
});
export type Pipeline = z.infer<typeof pipelineSchema>;
export type PipelineNode = Pipeline['nodes'][number];

/** Other values for inputs of some nodes, by node and input. */
export const nodeInputsSchema = z.record(z.string(), values);
export type NodeInputs = z.infer<typeof nodeInputsSchema>;

/** The pipeline with other values for inputs of some nodes. */
export function overrideInputs(pipeline: Pipeline, inputs: NodeInputs): Pipeline {
  const override = (node: PipelineNode): PipelineNode =>
    Object.hasOwn(inputs, node.node_id) ? { ...node, inputs: { ...node.inputs, ...inputs[node.node_id] } } : node;
  return { ...pipeline, nodes: pipeline.nodes.map(override) };
}

/** The pipeline with every node run, whatever earlier runs have of it. */
export function withoutReuse(pipeline: Pipeline): Pipeline {
  const nodes = pipeline.nodes.map(({ policy: { reuse: _, ...policy } = {}, ...node }) => ({ ...node, policy }));
  return { ...pipeline, policy: { ...pipeline.policy, reuse: false }, nodes };
}

export type JsonValue = z.core.util.JSONType;
