/** Draws the agent's graph, as LangGraph sees it, into README.md between its two marks: npm run draw. */
import { readFileSync, writeFileSync } from 'node:fs';
import { MemorySaver } from '@langchain/langgraph';
import { createGraph } from '../agent/graph.ts';
import type { AgentWorld } from '../agent/nodes/world.ts';

export const readme = new URL('../README.md', import.meta.url);
const picture = /(?<=<!-- agent-graph -->\n)[\s\S]*?(?=<!-- \/agent-graph -->)/;

/** The picture that README.md holds, or undefined where the marks are missing. */
export function findPicture(text: string): string | undefined {
  return picture.exec(text)?.[0];
}

/** Markdown of the picture. No node runs, so none needs a world. */
export async function drawGraph(): Promise<string> {
  const graph = await createGraph({} as AgentWorld, new MemorySaver()).getGraphAsync();
  return `\`\`\`mermaid\n${graph.drawMermaid({ withStyles: false }).trim()}\n\`\`\`\n`;
}

if (import.meta.main) {
  const text = readFileSync(readme, 'utf8');
  if (findPicture(text) === undefined)
    throw new Error('README.md lacks the marks <!-- agent-graph --> and <!-- /agent-graph -->.');
  const drawn = await drawGraph();
  writeFileSync(
    readme,
    text.replace(picture, () => drawn),
  );
}
