/** The way of a message, on one screen. */
import { type BaseCheckpointSaver, END, START, StateGraph } from '@langchain/langgraph';
import { createAct } from './nodes/act.ts';
import { createAsk } from './nodes/ask.ts';
import { createBuild } from './nodes/build.ts';
import { createCheck } from './nodes/check.ts';
import { createClassify } from './nodes/classify.ts';
import { createExtract } from './nodes/extract.ts';
import { createRespond } from './nodes/respond.ts';
import { createSubmit } from './nodes/submit.ts';
import type { AgentWorld } from './nodes/world.ts';
import { ConversationState, readWork, type State } from './state.ts';

/** The way of a message. Nothing past `classify` asks a model: the model proposes, code disposes. */
export function createGraph(world: AgentWorld, checkpointer: BaseCheckpointSaver) {
  const next = (state: State) => readWork(state).next;
  return new StateGraph(ConversationState)
    .addNode('classify', createClassify(world))
    .addNode('extract', createExtract(world))
    .addNode('check', createCheck(world))
    .addNode('ask', createAsk(world))
    .addNode('build', createBuild(world))
    .addNode('submit', createSubmit(world))
    .addNode('act', createAct(world))
    .addNode('respond', createRespond(world))
    .addEdge(START, 'classify')
    .addEdge('classify', 'extract')
    .addEdge('extract', 'check')
    .addConditionalEdges('check', next, ['ask', 'build', 'act', 'respond'])
    .addConditionalEdges('build', next, ['submit', 'respond'])
    .addEdge('ask', 'respond')
    .addEdge('submit', 'respond')
    .addEdge('act', 'respond')
    .addEdge('respond', END)
    .compile({ checkpointer });
}
