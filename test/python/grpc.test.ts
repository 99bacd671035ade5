/** What others make of the proto: a client that Google's own tools generate, in Python. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { startApp } from '../../src/main.ts';
import { rpcs } from '../fakes/grpc-client.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const run = promisify(execFile);
const proto = join(import.meta.dirname, '..', '..', 'src', 'transports', 'trainyard.proto');
const packages = ['tools==1.85.1', 'reflection==1.85.1', 'status==1.85.3', 'health-checking==1.85.1'];

it('serves a client in Python: it lists, submits, watches to the end, reads errors and asks for the services', async () => {
  await using home = await temporaryFolder();
  const python = join(home.path, 'venv', 'bin', 'python');
  await run('python3', ['-m', 'venv', join(home.path, 'venv')]);
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await run(python, [...install, ...packages.map((name) => `grpcio-${name}`)]);
  const generate = [`--proto_path=${join(proto, '..')}`, `--python_out=${home.path}`, `--grpc_python_out=${home.path}`];
  await run(python, ['-m', 'grpc_tools.protoc', ...generate, proto]);

  const settings = { TRAINYARD_HOME: join(home.path, 'home'), TRAINYARD_PORT: '0', TRAINYARD_GRPC_PORT: '0' };
  const app = await startApp(parseConfig({ ...settings, TRAINYARD_ISOLATION: 'process', PATH: process.env.PATH }));
  const client = [join(import.meta.dirname, 'grpc_client.py'), app.grpcAddress ?? expect.fail()];
  const { stdout } = await run(python, client, { env: { PYTHONPATH: home.path }, timeout: 60_000 }).finally(app.close);
  expect(JSON.parse(stdout)).toMatchObject({
    macro_tasks: { finetune: ['MACROTASK', true], evaluate: ['MACROTASK', true] },
    run: {
      same: true,
      types: ['pipeline_submitted', 'task_started', 'task_succeeded', 'pipeline_finished'],
      rest: true,
      status: 'SUCCEEDED',
      outputs: { config_id: expect.stringMatching(/^cfg_/) },
    },
    error: ['INVALID_ARGUMENT', 'INVALID_PIPELINE', expect.stringMatching(/^a/)],
    services: { names: expect.arrayContaining(['trainyard.v1.Trainyard']), methods: rpcs.toSorted() },
    health: 'SERVING',
  });
});
