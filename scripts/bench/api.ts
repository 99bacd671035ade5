/**
 * Measures the API on loopback: many sockets that watch one pipeline, one of them stalled, and requests a second for a
 * pipeline's status beside a bare Hono route that answers the same.
 *
 *   npm run bench:api [-- --sockets 1000 --rate 100 --seconds 60]
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { WebSocket } from 'ws';
import { describeConfiguration } from './configuration.ts';
import { verdict } from './figures.ts';
import { temporaryHome } from './workplace.ts';

const { values } = parseArgs({
  options: {
    sockets: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '60' },
  },
});
const [sockets, rate, seconds] = [values.sockets, values.rate, values.seconds].map(Number) as [number, number, number];
const most = { p99Ms: 100, share: 0.5 };

const server = spawn(process.execPath, [new URL('processes/api-server.ts', import.meta.url).pathname], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
const { url, over, watched } = JSON.parse(String((await lines.next()).value)) as Record<
  'url' | 'over' | 'watched',
  string
>;

await using home = await temporaryHome();
for (const line of describeConfiguration(home.path)) console.log(line);
await measureRequests();
await measureSockets();
server.stdin.end();

async function measureRequests(): Promise<void> {
  const path = `/api/pipelines/${over}`;
  const status = (await (await fetch(`${url}${path}`)).json()) as object;
  const bareApp = new Hono().get(path, (c) => c.json(status));
  const bare = await new Promise<{ url: string; close: () => void }>((resolve) => {
    const listening = serve({ fetch: bareApp.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
      resolve({ url: `http://127.0.0.1:${port}`, close: () => listening.close() }),
    );
  });
  const rounds = { ours: [] as number[], bare: [] as number[] };
  for (let round = 0; round < 3; round += 1) {
    rounds.bare.push(await requestsASecond(`${bare.url}${path}`));
    rounds.ours.push(await requestsASecond(`${url}${path}`));
  }
  bare.close();
  const [ours, theirs] = [Math.max(...rounds.ours), Math.max(...rounds.bare)];
  const share = ours / theirs;
  console.log(`get_status  ${Math.round(ours)} requests/s, a bare route of Hono in this process ${Math.round(theirs)}`);
  console.log(`            ${share.toFixed(2)} of it: ${share >= most.share ? 'at least' : 'UNDER'} ${most.share}`);
}

async function requestsASecond(address: string): Promise<number> {
  const until = performance.now() + 3000;
  let answered = 0;
  const ask = async () => {
    while (performance.now() < until) {
      await (await fetch(address)).arrayBuffer();
      answered += 1;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: 16 }, ask));
  return answered / ((performance.now() - startedAt) / 1000);
}

async function measureSockets(): Promise<void> {
  const delays: number[] = [];
  let disorder = 0;
  const last = new Array<number>(sockets).fill(0);
  const got = new Array<number>(sockets).fill(0);
  const open = Array.from({ length: sockets }, async (_item, at) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as { seq: number; text?: string };
      if (frame.seq <= (last[at] ?? 0)) disorder += 1;
      last[at] = frame.seq;
      if (frame.text?.startsWith('{"at"') !== true) return;
      got[at] = (got[at] ?? 0) + 1;
      delays.push(Date.now() - (JSON.parse(frame.text) as { at: number }).at);
    });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.send(JSON.stringify({ type: 'subscribe', after: 0, pipeline_id: watched }));
    return socket;
  });
  const all = await Promise.all(open);
  // One that reads no more.
  const stalled = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  await new Promise((resolve) => stalled.once('open', resolve));
  stalled.send(JSON.stringify({ type: 'subscribe', after: 0, pipeline_id: watched }));
  stalled.pause();
  await sleep(1000);
  const events = rate * seconds;
  server.stdin.write(`${JSON.stringify({ events, everyMs: 1000 / rate })}\n`);
  const limit = performance.now() + (seconds + 60) * 1000;
  while (got.some((count) => count < events) && performance.now() < limit) await sleep(200);
  delays.sort((a, b) => a - b);
  const at = (share: number) => delays[Math.floor(share * (delays.length - 1))] ?? Number.POSITIVE_INFINITY;
  const whole = got.filter((count) => count === events).length;
  console.log(`${sockets} sockets, ${rate} events/s for ${seconds} s, one more stalled:`);
  console.log(`            ${whole} got all ${events} events, ${disorder} out of order or twice`);
  console.log(
    `            p50 ${at(0.5)} ms, p99 ${at(0.99)} ms: ${verdict(at(0.99), most.p99Ms, 'ms')}; the worst ${at(1)} ms`,
  );
  for (const socket of [...all, stalled]) socket.terminate();
}
