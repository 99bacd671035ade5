import { describe, expect, test } from 'vitest';
import { createAnswerText } from '../../agent/engines/openai/answer.ts';
import { createAgent } from '../../agent/index.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { type Answer, completes, fails, floods, hangs, says, startScriptedServer, streams } from './scripted-server.ts';
import { ask, dataset, openAiAt, propose, run, who } from './scripted-turns.ts';

const message = "what's the difference between ptq and qat?";
const question = { type: 'talk', topic: 'question' };
const isQuestion = says(propose(question));

describe('a question that only words answer', () => {
  test('is answered by a second call, piece by piece', async () => {
    const { last, pieces, requests } = await ask(message, [isQuestion, streams(['PTQ ', 'quantizes ', 'later.'])]);
    expect(pieces).toEqual(['PTQ', ' quantizes', ' later.']);
    expect(last).toEqual({ kind: 'answer', text: 'PTQ quantizes later.', engine: 'openai:m', warnings: [] });
    expect(requests.map(({ stream }) => stream)).toEqual([undefined, true]);
    expect(requests[1]?.response_format).toBeUndefined();
  });

  test('brings the plan and the message as data, under rules of its own', async () => {
    const plan = says(propose(run({ models: ['gpt2'], datasets: [dataset('squad')] })));
    const texts = ['finetune gpt2 on squad', 'which learning rate is usual?'];
    const { requests } = await ask(texts, [plan, isQuestion, streams(['2e-4'])]);
    const [system, user] = requests[2]?.messages ?? [];
    expect(system?.content).toContain('promise');
    expect(user?.content).toContain('"finetune"');
    expect(user?.content).toContain('"which learning rate is usual?"');
  });

  test('is answered at once by a server that cannot stream', async () => {
    const { last, pieces } = await ask(message, [isQuestion, says('PTQ quantizes later.')]);
    expect(pieces).toEqual(['PTQ quantizes later.']);
    expect(last.text).toBe('PTQ quantizes later.');
  });

  test('shows no thoughts, also with tags split over pieces', async () => {
    const pieces = ['<th', 'ink>secret', ' plan</thi', 'nk>\n\n', 'PTQ <b', '> ', '2 <', ' 3'];
    const { last, pieces: shown } = await ask(message, [isQuestion, streams(pieces)]);
    expect(last.text).toBe('PTQ <b> 2 < 3');
    expect(shown.join('')).toBe(last.text);
  });

  test('shows no thoughts of a server that swallows their opening', async () => {
    const thinking = says(`Is this a question?</think>${propose(question)}`);
    const { last } = await ask(message, [thinking, streams(['Let me see', '</think>', 'Yes.'])]);
    expect(last.text).toBe('Yes.');
  });

  test.each<[string, Answer, string]>([
    ['the connection breaks', streams(['PTQ ', 'is'], 'break'), 'it failed'],
    ['the stream ends too early', streams(['PTQ ', 'is'], 'close'), 'connection ended'],
    ['the stream hangs', streams(['PTQ ', 'is'], 'hang'), 'did not answer in time'],
    ['the model comes to its limit', streams(['PTQ ', 'is'], 'length'), 'limit of tokens'],
  ])('keeps what was shown when %s', async (_, answer, reason) => {
    const { last, pieces } = await ask(message, [isQuestion, answer], { timeoutMs: 1000 });
    expect(last).toMatchObject({ kind: 'answer', text: 'PTQ is', engine: 'openai:m' });
    expect(last.warnings.join()).toMatch(new RegExp(`did not finish answering.*${reason}`));
    expect(pieces.join('')).toBe('PTQ is');
  });

  test.each<[string, Answer]>([
    ['nothing comes', streams([])],
    ['only thoughts come', streams(['<think>hm', 'm</think>\n'])],
    ['it fails', fails(500)],
    ['it hangs', hangs()],
  ])('ends with what Trainyard does when %s', async (_, answer) => {
    const { last, pieces } = await ask(message, [isQuestion, answer], { timeoutMs: 1000 });
    expect(last.kind).toBe('answer');
    expect(last.text).toContain('Tell me what to train');
    expect(last.warnings.join()).toContain('did not answer the question');
    expect(pieces).toEqual([]);
  });

  test('has no third call where the first failed', async () => {
    const { last, requests } = await ask(message, [fails(429), isQuestion, streams(['x'])]);
    expect(requests).toHaveLength(2);
    expect(last.warnings.join()).toContain('as often as a turn allows');
  });

  test('is cut where it does not end', async () => {
    const { last, pieces } = await ask(message, [isQuestion, streams(Array(900).fill('Blah, '), 'hang')]);
    expect(last.text).toHaveLength(4000);
    expect(pieces.join('')).toBe(last.text);
    expect(last.warnings.join()).toContain('too long');
  });

  test('is given up where its stream has no end, also within one line', async () => {
    for (const part of ['data: {"choices": []}\n\n', 'data: "xxxxxxxxxxxxxxxxxxxxxxxxxxx']) {
      const given = Promise.withResolvers<void>();
      const endless = floods(part, 'text/event-stream', given.resolve);
      const { last } = await ask(message, [isQuestion, endless], { maxAnswerBytes: 5000 });
      await given.promise;
      expect(last.warnings.join()).toContain('did not answer the question: its answer was too long');
    }
  });

  test.each<[string, Answer]>([
    ['streamed', streams(['PTQ\u001b', ']0;owned\u0007 \u001b[2J', '\u0000is\u009b31m\r\n\tlater', '<th\u0000ink>hm'])],
    ['whole', says('PTQ\u001b]0;owned\u0007 \u001b[2J\u0000is\u009b31m\r\n\tlater')],
  ])('brings nothing that a terminal obeys, %s', async (_, answer) => {
    const { last, pieces } = await ask(message, [isQuestion, answer]);
    expect(last.text).toBe('PTQ]0;owned [2Jis31m\n\tlater');
    expect(pieces.join('')).toBe(last.text);
  });

  test.each<[string, (content: unknown) => Answer]>([
    ['streamed', (content) => streams([content])],
    ['whole', (content) => completes({ content })],
  ])('is text or parts of text, %s, and nothing else', async (_, answers) => {
    const parts = [
      { type: 'text', text: 'PTQ is' },
      { type: 'text', text: ' later.' },
    ];
    const { last } = await ask(message, [isQuestion, answers(parts)]);
    expect(last.text).toBe('PTQ is later.');
    for (const content of [{ text: 'x' }, 42, true, [{ type: 'image_url' }], [[1]]]) {
      const { last, pieces } = await ask(message, [isQuestion, answers(content)]);
      expect(last.warnings.join()).toContain('did not answer the question: its answer could not be read');
      expect(pieces).toEqual([]);
    }
  });

  test('is left aside, with a word, where the message asks for work as well', async () => {
    const both = propose(run({ models: ['gpt2'], datasets: [dataset('squad')] }), question);
    const { last, requests } = await ask('finetune gpt2 on squad. what is lora?', [says(both)]);
    expect(last.kind).toBe('plan');
    expect(last.warnings.join()).toContain('question aside');
    expect(requests).toHaveLength(1);
  });

  test('ends with the turn that is given up, and leaves the conversation as it was', async () => {
    await using server = await startScriptedServer(
      isQuestion,
      streams(['PTQ '], 'hang'),
      says(propose(question)),
      streams(['x']),
    );
    const agent = createAgent({ catalogue, registry, engine: openAiAt(server.baseUrl, [], 10_000) });
    const turn = new AbortController();
    const given = agent.processMessage(message, who, { signal: turn.signal, onText: () => turn.abort() });
    await expect(given).rejects.toThrow();
    const reply = await agent.processMessage(message, who);
    expect(reply.text).toBe('x');
    expect(server.requests[3]?.messages[1]?.content).toContain("user's earlier messages:\n[]");
  });
});

describe('text without thoughts', () => {
  test.each([
    ['<think>a</think>b<think>c</think>d', 'bd'],
    ['<THINKING>a</THINKING>b', 'b'],
    ['a </think> b', 'a  b'],
    ['a <think>b', 'a'],
    ['if a < b then', 'if a < b then'],
    ['  a\n', 'a'],
  ])('%j is %j however it is split', (written, expected) => {
    for (let size = 1; size <= written.length; size++) {
      const pieces: string[] = [];
      const text = createAnswerText((piece) => pieces.push(piece), false);
      for (let at = 0; at < written.length; at += size) text.take(written.slice(at, at + size));
      expect(text.text).toBe(expected);
      expect(pieces.join('')).toBe(expected);
    }
  });
});
