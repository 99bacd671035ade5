import { describe, expect, test } from 'vitest';
import { askedPauseMs } from '../../agent/engines/openai/calls.ts';
import { createAgent } from '../../agent/index.ts';
import type { Reply } from '../../src/core/reply.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import {
  type Answer,
  calls,
  completes,
  fails,
  floods,
  hangs,
  hangsMidway,
  noChoices,
  redirects,
  refuses,
  says,
  sendsPage,
  startScriptedServer,
} from './scripted-server.ts';
import { ask, dataset, inputsOf, openAiAt, propose, run, setting, who } from './scripted-turns.ts';

const message = 'finetune gpt2 on squad for 3 epochs';
const good = propose(run({ models: ['gpt2'], datasets: [dataset('squad')], settings: [setting('num_epochs', 3)] }));
const takesTool: Answer = (response, request) =>
  (request.tools ? calls('propose_commands', good) : fails(400))(response, request);
const takesObject: Answer = (response, request) =>
  (request.response_format?.type === 'json_object' ? says(good) : fails(400))(response, request);

function isThePlan(reply: Reply): boolean {
  const [finetune] = inputsOf(reply, 'finetune');
  return finetune?.model_name === 'gpt2' && finetune.num_epochs === 3;
}

describe('the openai engine', () => {
  test('reads a good answer with one call, in strict JSON', async () => {
    const { last, requests } = await ask(message, [says(good)]);
    expect(isThePlan(last)).toBe(true);
    expect(last.engine).toBe('openai:m');
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ temperature: 0, response_format: { type: 'json_schema' } });
  });

  test.each<[string, number, Answer[]]>([
    ['a schema that is ignored: prose and fenced JSON', 1, [says(`Sure:\n\`\`\`json\n${good}\n\`\`\`\nDone!`)]],
    ['a schema that is ignored: another object, then a repaired one', 2, [says('{"intent": "finetune"}'), says(good)]],
    ['400 on response_format, then a tool call', 2, [fails(400), calls('propose_commands', good)]],
    ['JSON truncated at the limit of tokens, then a repaired one', 2, [says(good.slice(0, 60), 'length'), says(good)]],
    ['reasoning text before the JSON', 1, [says(`<think>{"commands": "hmm"}</think>\n${good}`)]],
    ['reasoning whose opening the server swallowed', 1, [says(`Let me see {x}.</think>${good}`)]],
    ['empty choices, then an answer', 2, [noChoices(), says(good)]],
    ['429, then an answer', 2, [fails(429), says(good)]],
    ['a fault of the server, then an answer', 2, [fails(503), says(good)]],
    ['a tool call where none was asked for', 1, [calls('propose_commands', good)]],
    ['a tool call whose arguments are an object', 1, [calls('propose_commands', JSON.parse(good))]],
    ['text in parts', 1, [completes({ content: [{ type: 'text', text: good }] })]],
    ['a model that takes no temperature', 2, [fails(400, {}, "'temperature' does not support 0"), says(good)]],
  ])('lives with %s', async (_, expected, answers) => {
    const { last, requests } = await ask(message, answers);
    expect(isThePlan(last)).toBe(true);
    expect(last).toMatchObject({ engine: 'openai:m', warnings: [] });
    expect(requests).toHaveLength(expected);
  });

  test.each<[string, number, string, Answer]>([
    ['hangs', 1, 'did not answer in time', hangs()],
    ['hangs in the middle of its answer', 1, 'did not answer in time', hangsMidway()],
    ['fails', 2, 'answered 500', fails(500)],
    ['has too many requests', 2, 'answered 429', fails(429)],
    ['takes no form', 2, 'answered 400', fails(400)],
    ['finds the message too long', 1, 'not fit into its context', fails(400, {}, 'exceeds the maximum context length')],
    ['is not authorized', 1, 'answered 401', fails(401)],
    ['refuses', 1, 'refused', refuses('I cannot help with that')],
    ['never answers', 2, 'empty', noChoices()],
    ['sends a page', 2, 'empty', sendsPage()],
    ['never returns JSON', 2, 'could not be read', says('Of course, I will finetune it.')],
    ['never comes to an end', 2, 'could not be read', says(good.slice(0, -3), 'length')],
    ['sends a number for text', 2, 'could not be read', completes({ content: 42 })],
    ['calls its tool with nothing', 2, 'was empty', calls('propose_commands', undefined)],
    ['redirects for ever', 1, 'answered with a redirect', redirects(307, '/v1/chat/completions')],
    ['announces too long an answer', 1, 'was too long', says('x'.repeat(1_000_000))],
    ['proposes nothing', 2, 'could not be read', says('{"commands": []}')],
  ])('hands over to the offline engine when the server %s, and says so', async (_, expected, reason, answer) => {
    const { last, requests } = await ask(message, [answer], { timeoutMs: 1000 });
    expect(isThePlan(last)).toBe(true);
    expect(last.engine).toBe('offline');
    expect(last.warnings.join()).toMatch(new RegExp(`${reason}.*offline engine`));
    expect(requests).toHaveLength(expected);
  });

  test('hands over at once when no server listens', async () => {
    const { baseUrl, [Symbol.asyncDispose]: stop } = await startScriptedServer();
    await stop();
    const pauses: number[] = [];
    const agent = createAgent({ catalogue, registry, engine: openAiAt(baseUrl, pauses, 60_000) });
    const reply = await agent.processMessage(message, who);
    expect(isThePlan(reply)).toBe(true);
    expect(reply.warnings.join()).toContain('could not be reached');
    expect(pauses).toEqual([]);
  });

  test('gives up an answer without end, and reads only the beginning of a refusal without end', async () => {
    for (const status of [200, 500]) {
      const given = Promise.withResolvers<void>();
      const endless = floods('{"choices": [', 'application/json', given.resolve, status);
      const { last } = await ask(message, [endless], { maxAnswerBytes: 5000 });
      await given.promise;
      expect(isThePlan(last)).toBe(true);
      expect(last.warnings.join()).toContain(status === 200 ? 'its answer was too long' : 'it answered 500');
    }
  });

  test('does not carry the key to where a redirect points', async () => {
    await using other = await startScriptedServer(says(good));
    for (const status of [301, 302, 303, 307, 308]) {
      const { last } = await ask(message, [redirects(status, `${other.baseUrl}/chat/completions`)]);
      expect(last.warnings.join()).toContain('it answered with a redirect');
    }
    expect(other.requests).toEqual([]);
  });

  test('tells the model what was wrong with its answer', async () => {
    const wrong = good.replace('finetune', 'fine_tune');
    const { requests } = await ask(message, [says(wrong), says(good)]);
    const [answer, problem] = requests[1]?.messages.slice(-2) ?? [];
    expect(answer).toEqual({ role: 'assistant', content: wrong });
    expect(problem?.content).toContain('commands[0].steps[0].task');
  });

  test('tries the server again on the next turn', async () => {
    const { replies } = await ask([message, message], [hangs(), says(good)], { timeoutMs: 1000 });
    expect(replies.map(({ engine }) => engine)).toEqual(['offline', 'openai:m']);
  });

  test('is given up when the turn is', async () => {
    const signal = AbortSignal.timeout(50);
    await expect(ask(message, [hangs()], { signal })).rejects.toThrow();
  });
});

describe('the form that a server takes', () => {
  test('is remembered: a refused schema costs a call once', async () => {
    const { callsOfTurns, replies } = await ask([message, message, message], [takesTool]);
    expect(callsOfTurns).toEqual([2, 1, 1]);
    expect(replies.every(({ engine }) => engine === 'openai:m')).toBe(true);
  });

  test('is found within two turns where it is the last one', async () => {
    const { callsOfTurns, replies } = await ask([message, message, message], [takesObject]);
    expect(callsOfTurns).toEqual([2, 1, 1]);
    expect(replies.map(({ engine }) => engine)).toEqual(['offline', 'openai:m', 'openai:m']);
  });

  test('begins anew after all were refused', async () => {
    const { requests, callsOfTurns } = await ask([message, message, message], [fails(400)]);
    expect(callsOfTurns).toEqual([2, 1, 2]);
    expect(requests.map(({ response_format }) => response_format?.type)).toEqual([
      'json_schema',
      undefined,
      'json_object',
      'json_schema',
      undefined,
    ]);
  });

  test('goes without a temperature once the model has refused it', async () => {
    const picky: Answer = (response, request) =>
      (request.temperature === undefined ? says(good) : fails(400, {}, 'Unsupported value: temperature'))(
        response,
        request,
      );
    const { callsOfTurns, requests } = await ask([message, message], [picky]);
    expect(callsOfTurns).toEqual([2, 1]);
    expect(requests.every(({ response_format }) => response_format?.type === 'json_schema')).toBe(true);
  });

  test('stands in the dialect of strict structured output', async () => {
    const { requests } = await ask(message, [says(good)]);
    const schema = requests[0]?.response_format?.json_schema?.schema;
    const faults: string[] = [];
    JSON.stringify(schema, (key, value) => {
      if (/^(default|oneOf|\$ref|minItems|propertyNames)$/.test(key)) faults.push(key);
      if (value?.type === 'object') {
        if (value.additionalProperties !== false) faults.push('open object');
        if (Object.keys(value.properties).join() !== value.required.join()) faults.push('optional property');
      }
      return value;
    });
    expect(faults).toEqual([]);
  });
});

describe('a pause before the second call', () => {
  test.each<[string, Record<string, string>, number]>([
    ['seconds', { 'retry-after': '2' }, 2000],
    ['milliseconds', { 'retry-after-ms': '150', 'retry-after': '9' }, 150],
    ['a date that is past', { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 0],
  ])('is as long as the server asks, in %s', async (_, headers, expected) => {
    const { last, pauses } = await ask(message, [fails(429, headers), says(good)]);
    expect(pauses).toEqual([expected]);
    expect(last.engine).toBe('openai:m');
  });

  test('is short and differs from turn to turn where the server asks for none', async () => {
    const { pauses } = await ask([message, message], [fails(503), says(good), fails(503), says(good)]);
    expect(pauses).toHaveLength(2);
    expect(pauses.every((ms) => ms >= 500 && ms <= 1000)).toBe(true);
    expect(pauses[0]).not.toBe(pauses[1]);
  });

  test('is not made where the server asks for a long one', async () => {
    const { last, pauses, requests } = await ask(message, [fails(429, { 'retry-after': '120' }), says(good)]);
    expect(last.engine).toBe('offline');
    expect(last.warnings.join()).toContain('asks to wait for 120 s');
    expect(pauses).toEqual([]);
    expect(requests).toHaveLength(1);
  });

  test('is read from a date', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(askedPauseMs(new Headers({ 'retry-after': 'Thu, 01 Jan 2026 00:00:07 GMT' }), now)).toBe(7000);
    expect(askedPauseMs(new Headers({ 'retry-after': 'soon' }), now)).toBeUndefined();
  });
});
