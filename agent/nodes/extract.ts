import { resolveAnswers } from '../answer-question.ts';
import type { Command } from '../commands.ts';
import { adoptPipeline, findPastedPipeline } from '../pasted-pipeline.ts';
import { type Resolved, resolveCommands } from '../resolve-commands.ts';
import { readDraft, readWork, type State, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/**
 * Turns the proposed commands into edits: names against the registry, values against the schemas. The fields of a
 * question and a pipeline that came as JSON need no engine.
 */
export function createExtract(world: AgentWorld) {
  return (state: State): Update => {
    const work = readWork(state);
    const { edits, refusals, warnings } = resolve(state, work.commands, world);
    return { work: JSON.stringify({ ...work, edits, refusals, warnings: [...work.warnings, ...warnings] }) };
  };
}

function resolve(state: State, commands: readonly Command[], world: AgentWorld): Resolved {
  const draft = readDraft(state);
  if (state.answers) return resolveAnswers(JSON.parse(state.answers) as Record<string, string>, draft, world);
  const pasted = findPastedPipeline(state.message);
  return pasted === undefined ? resolveCommands(commands, draft, world) : adoptPipeline(pasted, world);
}
