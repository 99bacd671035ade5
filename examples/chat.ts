/**
 * The agent as a library: three messages, a question in the middle, and a `submit` of your own.
 *
 *   node examples/chat.ts
 *
 * It needs no server, no key, no network and writes no file. `submit` is where a plan would start to run; without
 * it the agent only plans. To keep conversations over a restart give a `checkpointer`, such as LangGraph's
 * SqliteSaver; to let a model read the messages give an `engine`.
 */
import { createAgent } from '../agent/index.ts';
import { catalogue } from '../tasks/index.ts';
import { registry } from '../tasks/registry.ts';

const say = (text: string) => process.stdout.write(`${text}\n`);

const agent = createAgent({
  catalogue,
  registry,
  submit: async (pipeline, { idempotencyKey }) => {
    say(JSON.stringify(pipeline, null, 2));
    return {
      pipeline_id: `pipeline_${idempotencyKey.slice(0, 8)}`,
      task_ids: pipeline.nodes.map(({ node_id }) => node_id),
    };
  },
});

const messages = ['Finetune llama on SQuAD, then quantize and evaluate', 'the 7b llama 2 one', 'make that 3 epochs'];
for (const message of messages) {
  say(`> ${message}`);
  const reply = await agent.processMessage(message, { userId: 'ann', conversationId: 'first' });
  say(`${reply.kind}: ${reply.text}\n`);
}
