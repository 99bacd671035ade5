import type { Engine, EngineWorld } from './engine.ts';

export interface OpenAiOptions {
  apiKey: string;
  /** Default: OpenAI's own. */
  baseUrl?: string;
  model: string;
  /** For one call; default 60,000. */
  timeoutMs?: number;
}

export function createOpenAiEngine(options: OpenAiOptions, world: EngineWorld, offline: Engine): Engine {
  void options;
  void world;
  return offline;
}
