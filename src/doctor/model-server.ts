import { z } from 'zod';
import type { Config } from '../config.ts';
import { plainText } from '../runners/plain-text.ts';
import { answerMs, codeOf, withoutSecrets } from './addresses.ts';
import { type Finding, fine, warning } from './finding.ts';

const largestListBytes = 4 * 2 ** 20;
const meanwhile = 'The offline engine reads the messages that the server does not help with.';

/** Whether the model server answers and has the model. Neither the key nor what an error says of it is shown. */
export async function checkModelServer({ openai }: Config): Promise<Finding> {
  if (openai === undefined) {
    return fine(
      'model',
      'The built-in offline engine reads messages (neither OPENAI_API_KEY nor OPENAI_BASE_URL is set).',
    );
  }
  const { apiKey, baseUrl = 'https://api.openai.com/v1', model } = openai;
  const server = `${model} at ${withoutSecrets(baseUrl)}`;
  try {
    const answer = await fetch(`${baseUrl.replace(/\/+$/, '')}/models`, {
      headers: { authorization: `Bearer ${apiKey}` },
      redirect: 'manual',
      signal: AbortSignal.timeout(answerMs),
    });
    if (!answer.ok) return refused(server, answer.status);
    return ofList(server, model, await readModels(answer));
  } catch (error) {
    const advice = `Start it, or check OPENAI_BASE_URL and OPENAI_API_KEY. ${meanwhile}`;
    return warning('model', `${server} is not reached (${codeOf(error)}).`, advice);
  }
}

function refused(server: string, status: number): Finding {
  const isKey = status === 401 || status === 403;
  const advice = isKey ? 'Check OPENAI_API_KEY.' : 'Check OPENAI_BASE_URL: most servers want /v1 at its end.';
  const found = isKey ? `refuses the key (${status})` : `answers ${status} when it is asked for its models`;
  return warning('model', `${server} ${found}.`, `${advice} ${meanwhile}`);
}

function ofList(server: string, model: string, models: readonly string[] | undefined): Finding {
  if (models === undefined) return fine('model', `${server} answers; which models it has it does not say.`);
  if (models.includes(model)) return fine('model', `${server} reads messages.`);
  const some = models.slice(0, 5).map((name) => plainText(name, 60));
  const has = some.length === 0 ? 'no model' : `${some.join(', ')}${models.length > some.length ? ', …' : ''}`;
  return warning('model', `${server} is not among its models: it has ${has}.`, `Set TRAINYARD_MODEL. ${meanwhile}`);
}

const listSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Undefined for what is no list of models. */
async function readModels(answer: Response): Promise<string[] | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer.body ?? []) {
    parts.push(part);
    bytes += part.byteLength;
    if (bytes > largestListBytes) return undefined;
  }
  try {
    const { data } = listSchema.parse(JSON.parse(Buffer.concat(parts).toString('utf8')));
    return data.map(({ id }) => id);
  } catch {
    return undefined;
  }
}
