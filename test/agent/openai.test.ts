import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createAgent } from '../../agent/index.ts';
import type { Reply } from '../../src/core/reply.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { type Answer, calls, fails, hangs, noChoices, refuses, says, startScriptedServer } from './scripted-server.ts';

const who = { userId: 'ann', conversationId: 'c' };
const message = 'finetune gpt2 on squad for 3 epochs';

function step(part: Record<string, unknown>) {
  return { task: 'finetune', models: [], model_from: [], datasets: [], settings: [], ...part };
}

function run(...steps: Record<string, unknown>[]) {
  return JSON.stringify({ commands: [{ type: 'run', extend: false, steps: steps.map(step) }] });
}

const squad = { name: 'squad', split: null, max_samples: null };
const good = run({ models: ['gpt2'], datasets: [squad], settings: [{ input: 'num_epochs', values: [3] }] });

async function ask(text: string, answers: Answer[], turns = 1) {
  await using server = await startScriptedServer(...answers);
  const engine = {
    kind: 'openai',
    apiKey: 'test',
    baseUrl: server.baseUrl,
    model: 'm',
    timeoutMs: 300,
    backoffMs: 1,
  } as const;
  const agent = createAgent({ catalogue, registry, engine });
  const replies: Reply[] = [];
  for (let turn = 0; turn < turns; turn++) replies.push(await agent.processMessage(text, who));
  return { replies, last: replies.at(-1) as Reply, requests: server.requests };
}

function isThePlan(reply: Reply): boolean {
  const finetune =
    reply.kind === 'plan' ? reply.pipeline.nodes.find(({ task_name }) => task_name === 'finetune') : undefined;
  return finetune?.inputs?.model_name === 'gpt2' && finetune.inputs.num_epochs === 3;
}

describe('the openai engine', () => {
  test('reads a good answer with one call, in strict JSON', async () => {
    const { last, requests } = await ask(message, [says(good)]);
    expect(isThePlan(last)).toBe(true);
    expect(last.engine).toBe('openai:m');
    expect(requests).toHaveLength(1);
    expect(requests[0]?.response_format).toMatchObject({ type: 'json_schema' });
  });

  test.each<[string, Answer[]]>([
    ['fenced JSON with prose around it', [says(`Sure. Here it is:\n\`\`\`json\n${good}\n\`\`\``)]],
    ['reasoning before the JSON', [says(`<think>{"commands": "hmm"}</think>${good}`)]],
    ['a tool call where none was asked for', [calls('propose_commands', good)]],
    ['truncated JSON, then a repaired one', [says(good.slice(0, 60)), says(good)]],
    ['another schema, then a repaired one', [says('{"intent": "finetune"}'), says(good)]],
    ['empty choices, then an answer', [noChoices(), says(good)]],
    ['a fault of the server, then an answer', [fails(500), says(good)]],
    ['429, then an answer', [fails(429), says(good)]],
    ['400 on response_format, then a tool call', [fails(400), calls('propose_commands', good)]],
    ['400 on schema and on tools, then a JSON object', [fails(400), fails(400), says(good)]],
  ])('lives with %s', async (_, answers) => {
    const { last } = await ask(message, answers);
    expect(isThePlan(last)).toBe(true);
    expect(last.engine).toBe('openai:m');
  });

  test('tells the model what was wrong with its answer', async () => {
    const { requests } = await ask(message, [says('{"intent": 1}'), says(good)]);
    expect(requests[1]?.messages.at(-1)?.content).toContain('commands');
  });

  test('keeps to the form that the server took', async () => {
    const { requests } = await ask(message, [fails(400), calls('propose_commands', good)], 2);
    expect(requests.map(({ tools }) => tools !== undefined)).toEqual([false, true, true]);
  });

  test.each<[string, Answer]>([
    ['hangs', hangs()],
    ['fails', fails(500)],
    ['takes no form at all', fails(400)],
    ['is not authorized', fails(401)],
    ['refuses', refuses('I cannot help with that')],
    ['never answers', noChoices()],
    ['never returns JSON', says('Of course, I will finetune it.')],
    ['proposes nothing', says('{"commands": []}')],
  ])('hands over to the offline engine when the server %s, and says so', async (_, answer) => {
    const { last, requests } = await ask(message, [answer]);
    expect(isThePlan(last)).toBe(true);
    expect(last.engine).toBe('offline');
    expect(last.warnings[0]).toContain('offline engine');
    expect(requests.length).toBeLessThanOrEqual(3);
  });

  test('tries the server again on the next turn', async () => {
    const { replies } = await ask(message, [fails(401), says(good)], 2);
    expect(replies.map(({ engine }) => engine)).toEqual(['offline', 'openai:m']);
  });

  test('asks at most twice a turn', async () => {
    const { requests } = await ask(message, [says('no'), says('no'), says(good)]);
    expect(requests).toHaveLength(2);
  });
});

describe('what a model invents', () => {
  test('a dataset ends as a question', async () => {
    const { last } = await ask('finetune gpt2', [
      says(run({ models: ['gpt2'], datasets: [{ ...squad, name: 'imdb' }] })),
    ]);
    expect(last).toMatchObject({ kind: 'question', question: { fields: [{ input: 'dataset_path' }] } });
    expect(last.warnings.join()).toContain('"imdb"');
  });

  test('a size that was not said ends as a question with the choices', async () => {
    const { last } = await ask('finetune llama on squad', [
      says(run({ models: ['meta-llama/Llama-2-7b'], datasets: [squad] })),
    ]);
    expect(last).toMatchObject({ kind: 'question', question: { fields: [{ input: 'model_name' }] } });
  });

  test('a value is left out', async () => {
    const settings = [
      { input: 'num_epochs', values: [3] },
      { input: 'learning_rate', values: [0.0003] },
    ];
    const { last } = await ask(message, [says(run({ models: ['gpt2'], datasets: [squad], settings }))]);
    const finetune =
      last.kind === 'plan' ? last.pipeline.nodes.find(({ task_name }) => task_name === 'finetune') : undefined;
    expect(finetune?.inputs).toEqual({ model_name: 'gpt2', num_epochs: 3 });
  });

  test('a task cannot be named at all', async () => {
    const { last } = await ask('deploy gpt2 to kubernetes', [says(run({ task: 'run_shell' }))]);
    expect(last).toMatchObject({ kind: 'refused', engine: 'offline' });
  });

  test('a number in another notation is what was said', async () => {
    const settings = [{ input: 'learning_rate', values: [0.0002] }];
    const { last } = await ask('finetune gpt2 on squad with lr 2e-4', [
      says(run({ models: ['gpt2'], datasets: [squad], settings })),
    ]);
    const finetune =
      last.kind === 'plan' ? last.pipeline.nodes.find(({ task_name }) => task_name === 'finetune') : undefined;
    expect(finetune?.inputs?.learning_rate).toBe(0.0002);
  });
});

describe('the prompts', () => {
  const prompts = ['understand', 'turn', 'repair'].map((name) =>
    readFileSync(new URL(`../../prompts/${name}.md`, import.meta.url), 'utf8'),
  );

  test('name no task and no input that does not exist', () => {
    const known = new Set([...catalogue.values()].flatMap((task) => [task.name, ...task.inputFields.keys()]));
    const ours = new Set(
      'run set drop repeat simple action talk approve forget show extend task models model_from datasets settings instead_of greeting thanks help unclear out_of_scope text null'.split(
        ' ',
      ),
    );
    const named = prompts.flatMap((text) => [...text.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name ?? ''));
    expect(named.filter((name) => !known.has(name) && !ours.has(name))).toEqual([]);
  });

  test('describe every task of the catalogue', async () => {
    const { requests } = await ask(message, [says(good)]);
    const system = requests[0]?.messages[0]?.content ?? '';
    for (const name of catalogue.keys()) expect(system).toContain(`### ${name}`);
  });
});
