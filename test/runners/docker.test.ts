import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectDocker } from '../../src/runners/docker.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

/** What the daemon says, by method and path; whatever else is asked is not found. */
type Answers = Record<string, [status: number, body: unknown]>;

async function daemonThatSays(answers: Answers) {
  const home = await temporaryFolder();
  const socket = join(home.path, 'docker.sock');
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const [status, body] = answers[`${request.method} ${path}`] ?? [404, { message: 'page not found' }];
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(status === 204 ? undefined : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    engine: connectDocker(socket),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await home[Symbol.asyncDispose]();
    },
  };
}

describe('a Docker engine', () => {
  it.each([
    ['no space left on device', 500, 'RetryableError', 'disk_full', 'Free some space'],
    ['No such image: sha256:1', 404, 'UserError', 'image_missing', 'trainyard image build'],
    [
      'could not select device driver "nvidia" with capabilities: [[gpu]]',
      500,
      'TerminalError',
      'gpu_toolkit_missing',
      'Toolkit',
    ],
    [
      'nvidia-container-cli: requirement error: unsatisfied condition: cuda>=13.0',
      500,
      'TerminalError',
      'gpu_driver_too_old',
      'driver',
    ],
    ['nvidia-container-cli: device error: 7: unknown device', 500, 'RetryableError', 'gpu_unavailable', 'nvidia-smi'],
    ['exec: "docker-init": executable file not found in $PATH', 500, 'TerminalError', 'docker_incomplete', 'tini'],
    ['something broke', 500, 'RetryableError', 'docker_failed', 'doctor'],
    ['invalid mount config', 400, 'TerminalError', 'docker_refused', 'doctor'],
  ])('that says "%s" (%i) gets its own words: %s %s', async (message, status, name, code, hint) => {
    await using daemon = await daemonThatSays({ 'POST /containers/a/start': [status, { message }] });
    await expect(daemon.engine.start('a')).rejects.toMatchObject({
      name,
      code,
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });
  });

  it('that is not there is told from one that refuses', async () => {
    await using home = await temporaryFolder();
    await expect(connectDocker(join(home.path, 'none.sock')).describe()).rejects.toMatchObject({
      name: 'RetryableError',
      code: 'docker_unavailable',
      message: expect.stringContaining('none.sock'),
      hint: expect.stringContaining('DOCKER_HOST'),
    });
  });

  it('has made what it is asked to make once more after a lost answer', async () => {
    const labels = { 'trainyard.attempt': 'att_1' };
    const inspected = {
      Id: '1',
      Image: 'sha256:1',
      Config: { Labels: labels },
      State: { Error: '', StartedAt: '', FinishedAt: '' },
    };
    await using daemon = await daemonThatSays({
      'POST /containers/create': [409, { message: 'Conflict. The container name is already in use' }],
      'GET /containers/a/json': [200, inspected],
    });
    await daemon.engine.create('a', { Labels: labels } as never);
    const another = { Labels: { 'trainyard.attempt': 'att_2' } } as never;
    await expect(daemon.engine.create('a', another)).rejects.toMatchObject({ code: 'name_taken' });
  });

  it('takes no second kill, start or removal amiss', async () => {
    await using daemon = await daemonThatSays({
      'POST /containers/a/kill': [409, { message: 'is not running' }],
      'POST /containers/a/start': [304, {}],
      'DELETE /containers/a': [404, { message: 'No such container' }],
      'GET /containers/a/json': [404, { message: 'No such container' }],
    });
    await daemon.engine.kill('a', 'SIGTERM');
    await daemon.engine.start('a');
    await daemon.engine.remove('a');
    expect(await daemon.engine.inspect('a')).toBeUndefined();
  });
});
