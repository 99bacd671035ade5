import { describe, expect, test } from 'vitest';
import { createNames } from '../../agent/aliases.ts';
import type { Command } from '../../agent/commands.ts';
import { createLexicon } from '../../agent/engines/offline/lexicon.ts';
import { groundCommands } from '../../agent/grounding.ts';
import { createAgent } from '../../agent/index.ts';
import type { PipelineNode } from '../../src/core/pipeline.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { readConversations } from './score.ts';

const world = { catalogue, names: createNames(registry), lexicon: createLexicon(catalogue) };

/** A node of a plan as a model might have proposed it. */
function asCommand({ task_name, inputs = {} }: PipelineNode): Command {
  const { model_name, dataset_path, ...others } = inputs;
  const settings = Object.entries(others).map(([input, value]) => ({
    input,
    values: [value].flat() as (string | number)[],
  }));
  return {
    type: 'run',
    extend: false,
    steps: [
      {
        task: task_name,
        models: typeof model_name === 'string' ? [model_name] : [],
        model_from: [],
        datasets: typeof dataset_path === 'string' ? [{ name: dataset_path, settings: [] }] : [],
        settings,
      },
    ],
  };
}

describe('the offline engine', () => {
  test('puts nothing into a plan that nobody said', async () => {
    const agent = createAgent({ catalogue, registry, dryRun: true });
    const lines = ['unseen.jsonl', 'conversations.jsonl'].flatMap((name) =>
      readConversations(new URL(name, import.meta.url)),
    );
    // Each fourth: the others would show no more, and take a minute.
    for (const { id, turns } of lines.filter((_, at) => at % 4 === 0)) {
      for (const [index, text] of turns.entries()) {
        const reply = await agent.processMessage(text, { userId: 'test', conversationId: id });
        if (reply.kind !== 'plan') continue;
        const said = turns.slice(0, index + 1);
        // What an earlier turn brought in was said then: nothing may be new to every turn.
        const proposed = reply.pipeline.nodes.map(asCommand);
        const inventedAt = said.map((_, at) => groundCommands(proposed, said.slice(0, at + 1), [], world).warnings);
        const [last = [], ...others] = inventedAt.toReversed();
        const invented = last.filter((warning) => others.every((warnings) => warnings.includes(warning)));
        expect(invented, said.join(' | ')).toEqual([]);
      }
    }
  }, 60_000);
});
