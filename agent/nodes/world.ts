import type { Estimate } from '../../src/core/estimate.ts';
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

export interface PlanAssessment {
  warnings: string[];
  /** Why it must not start here. */
  refusal?: string;
  /** What each node is expected to take, and the whole plan in words. */
  estimates?: Record<string, Estimate>;
  summary?: string;
}

/** What the outside does for the agent; what is absent is only planned. */
export interface Outside {
  submit?: (pipeline: Pipeline, request: SubmitRequest) => Promise<{ pipeline_id: string; task_ids: string[] }>;
  act?: (
    action: { name: string; args: Record<string, Json> },
    request: { userId: string; conversationId: string },
  ) => Promise<{ data?: Json; text: string }>;
  /** What this machine says of a plan; undefined where it cannot tell. */
  assess?: (pipeline: Pipeline) => PlanAssessment | undefined;
}

/** All that the graph's nodes need. */
export interface AgentWorld extends World {
  registry: Registry;
  engine: Engine;
  outside: Outside;
  dryRun: boolean;
  approval: 'none' | 'required';
}
