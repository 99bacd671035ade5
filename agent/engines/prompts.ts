/** The prompts, filled in. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Catalogue, Field, Task } from '../../src/core/task.ts';
import type { Context } from './engine.ts';

type PromptName = 'understand' | 'turn' | 'repair';

/** Prompts are Markdown files beside the code, read once. */
const texts: Record<PromptName, string> = {
  understand: read('understand'),
  turn: read('turn'),
  repair: read('repair'),
};

function read(name: PromptName): string {
  return readFileSync(new URL(`../../prompts/${name}.md`, import.meta.url), 'utf8');
}

/** Puts values in. A value is never searched for placeholders, so no message can reach another one. */
function fill(name: PromptName, values: Record<string, string>): string {
  return texts[name].replace(/\{\{(\w+)\}\}/g, (_, key: string) => values[key] ?? '');
}

/** The system prompt: the rules, what the catalogue can do, and the schema once more in words. */
export function systemPrompt(catalogue: Catalogue, schema: unknown): string {
  const all = [...catalogue.values()];
  const prompt = fill('understand', {
    tasks: all
      .filter(({ work }) => work.where !== 'service')
      .map(describeTask)
      .join('\n\n'),
    actions: all
      .filter(({ type }) => type === 'MANAGERIAL')
      .map(describeTask)
      .join('\n\n'),
  });
  return `${prompt}\n## JSON schema\n\n${JSON.stringify(schema)}\n`;
}

function describeTask(task: Task): string {
  const inputs = [...task.inputFields.values()].filter(({ resourceKind }) => resourceKind === undefined);
  const lines = inputs.map((field) => `- \`${field.name}\` (${typeOf(field)}): ${field.description}`);
  const examples = task.examples.map((example) => `"${example}"`).join('; ');
  return [`### ${task.name}`, `${task.summary}. For example: ${examples}`, ...lines].join('\n');
}

function typeOf({ schema, jsonTypes }: Field): string {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const { minimum, maximum } = json;
  const range = minimum !== undefined && maximum !== undefined && maximum < 1e9 ? `, ${minimum} to ${maximum}` : '';
  const choices = json.enum === undefined ? '' : `: ${json.enum.join(', ')}`;
  return `${jsonTypes.join(' or ')}${choices}${range}`;
}

/** One turn: the message with the plan and the open question, each as data. */
export function turnPrompt(message: string, { plan, missing, history }: Context): string {
  return fill('turn', {
    plan: JSON.stringify(plan),
    missing: JSON.stringify(missing.map(({ node_id, input, said }) => ({ node_id, input, ...(said && { said }) }))),
    history: JSON.stringify(history),
    message: JSON.stringify(message),
  });
}

export function repairPrompt(error: string): string {
  return fill('repair', { error });
}
