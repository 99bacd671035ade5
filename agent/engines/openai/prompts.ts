/** The prompts, filled in. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Catalogue, Field, Task } from '../../../src/core/task.ts';
import type { Context } from '../engine.ts';
import { isPlain, proposedActions, proposedSteps } from './proposal.ts';

type PromptName = 'understand' | 'answer' | 'turn' | 'repair';

/** Prompts are Markdown files beside the code, read once. */
const texts: Record<PromptName, string> = {
  understand: read('understand'),
  answer: read('answer'),
  turn: read('turn'),
  repair: read('repair'),
};

function read(name: PromptName): string {
  return readFileSync(new URL(`../../../prompts/${name}.md`, import.meta.url), 'utf8');
}

/**
 * Puts values in. A value is never searched for placeholders, so no message can reach another one. A placeholder
 * without a value is a slip in the prompt, and throws.
 */
export function fillPrompt(prompt: string, values: Record<string, string>): string {
  return prompt.replace(/\{\{(.*?)\}\}/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`A prompt asks for {{${key}}}, which nobody fills.`);
    return value;
  });
}

/** How a model proposes commands: the rules, what the catalogue can do, and the schema once more in words. */
export function systemPrompt(catalogue: Catalogue, schema: unknown): string {
  const steps = proposedSteps(catalogue);
  return fillPrompt(texts.understand, {
    tasks: steps.map((task) => describeTask(task, 'with inputs')).join('\n'),
    inputs: describeInputs(steps),
    actions: proposedActions(catalogue)
      .map((task) => describeTask(task, 'with inputs'))
      .join('\n'),
    schema: JSON.stringify(schema),
  });
}

/** How a model answers a question: the rules, and what the catalogue can do, in short. */
export function answerPrompt(catalogue: Catalogue): string {
  return fillPrompt(texts.answer, {
    tasks: proposedSteps(catalogue)
      .map((task) => describeTask(task))
      .join('\n'),
    actions: [...catalogue.values()]
      .filter(({ type }) => type === 'MANAGERIAL')
      .map(({ summary }) => `- ${summary}`)
      .join('\n'),
  });
}

function describeTask(task: Task, detail?: 'with inputs'): string {
  const inputs = [...task.inputFields.values()].filter(isPlain).map(({ name }) => name);
  const examples = task.examples.map((example) => JSON.stringify(example)).join('; ');
  const takes = detail === undefined || inputs.length === 0 ? '' : ` Takes ${inputs.join(', ')}.`;
  return `- \`${task.name}\`: ${task.summary}.${takes} For example: ${examples}`;
}

/** Each input once, for many tasks share theirs. One that means different things says each. */
function describeInputs(tasks: readonly Task[]): string {
  const described = new Map<string, Set<string>>();
  for (const field of tasks.flatMap(({ inputFields }) => [...inputFields.values()]).filter(isPlain)) {
    const known = described.get(field.name) ?? new Set();
    described.set(field.name, known.add(`${field.description} (${typeOf(field)})`));
  }
  return [...described].map(([name, meanings]) => `- \`${name}\`: ${[...meanings].join('; ')}`).join('\n');
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
  return fillPrompt(texts.turn, {
    plan: JSON.stringify(plan),
    missing: JSON.stringify(missing.map(({ node_id, input, said }) => ({ node_id, input, ...(said && { said }) }))),
    history: JSON.stringify(history),
    message: JSON.stringify(message),
  });
}

export function repairPrompt(error: string): string {
  return fillPrompt(texts.repair, { error });
}
