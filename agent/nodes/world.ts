import type { Pipeline } from '../../src/core/pipeline.ts';
import type { Registry } from '../../src/core/registry.ts';
import type { Engine } from '../engines/engine.ts';
import type { Json } from '../plan/draft.ts';
import type { World } from '../resolve-commands.ts';

export interface SubmitRequest {
  userId: string;
  conversationId: string;
  /** The same for a plan that is submitted twice by accident. */
  idempotencyKey: string;
}

/** What the outside does for the agent; what is absent is only planned. */
export interface Outside {
  submit?: (pipeline: Pipeline, request: SubmitRequest) => Promise<{ pipeline_id: string; task_ids: string[] }>;
  act?: (
    action: { name: string; args: Record<string, Json> },
    request: { userId: string; conversationId: string },
  ) => Promise<{ data?: Json; text: string }>;
  /** What this machine says of a plan: warnings, and why it must not start here. */
  assess?: (pipeline: Pipeline) => { warnings: string[]; refusal?: string };
}

/** All that the graph's nodes need. */
export interface AgentWorld extends World {
  registry: Registry;
  engine: Engine;
  outside: Outside;
  dryRun: boolean;
  approval: 'none' | 'required';
}
