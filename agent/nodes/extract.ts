import { resolveCommands } from '../resolve-commands.ts';
import { readDraft, readWork, type State, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/** Turns the proposed commands into edits: names against the registry, values against the schemas. */
export function createExtract(world: AgentWorld) {
  return (state: State): Update => {
    const work = readWork(state);
    const { edits, refusals, warnings } = resolveCommands(work.commands, readDraft(state), world);
    return { work: JSON.stringify({ ...work, edits, refusals, warnings: [...work.warnings, ...warnings] }) };
  };
}
