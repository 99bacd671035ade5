import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { rootCertificates } from 'node:tls';
import type { Config } from '../config.ts';
import { answerMs, codeOf, withoutSecrets } from './addresses.ts';
import { type Finding, fine, warning } from './finding.ts';

const without = 'Built-in models and local files work without it.';

/** Whether the hub is reached as tasks reach it: through their proxies, with their certificates. */
export async function checkHub({ taskEnvironment }: Config): Promise<Finding> {
  const address = taskEnvironment.HF_ENDPOINT?.trim() || 'https://huggingface.co';
  const hub = withoutSecrets(address);
  try {
    const status = await statusOf(address, taskEnvironment);
    if (status < 500) return fine('hub', `${hub} is reached.`);
    return warning('hub', `${hub} answers ${status}.`, `It may be better later. ${without}`);
  } catch (error) {
    const advice = `Check the network, HTTPS_PROXY and HF_ENDPOINT. ${without}`;
    return warning('hub', `${hub} is not reached (${codeOf(error)}).`, advice);
  }
}

/** @param environment proxies, and SSL_CERT_FILE */
async function statusOf(address: string, environment: Config['taskEnvironment']): Promise<number> {
  const { SSL_CERT_FILE: file } = environment;
  const own = file?.trim() ? { ca: [...rootCertificates, await readFile(file, 'utf8')] } : {};
  const isPlain = new URL(address).protocol === 'http:';
  const agent = isPlain
    ? new http.Agent({ proxyEnv: environment })
    : new https.Agent({ proxyEnv: environment, ...own });
  const request = (isPlain ? http : https).request(address, {
    method: 'HEAD',
    agent,
    signal: AbortSignal.timeout(answerMs),
  });
  try {
    request.end();
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    return answer.statusCode ?? 0;
  } finally {
    request.destroy();
    agent.destroy();
  }
}

export function checkToken({ taskEnvironment }: Config): Finding {
  if (taskEnvironment.HF_TOKEN?.trim()) return fine('HF_TOKEN', 'Set: tasks that fetch from the hub use it.');
  return fine('HF_TOKEN', 'Not set: only gated models and datasets need it.');
}
