import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Attempt, AttemptReport, Runner } from '../../src/core/runner.ts';
import { containerName } from '../../src/runners/docker-container.ts';
import { createRunSecrets } from '../../src/runners/run-secrets.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import {
  buildWorkerImage,
  createWorkerRunner,
  findDocker,
  rawInspect,
  removeContainers,
  testPlace,
} from '../fakes/docker.ts';
import { heavy } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const engine = await findDocker();
const image = engine && (await buildWorkerImage(engine));
const installation = 'hardening';

describe.runIf(engine)("a task's container", () => {
  if (engine === undefined || image === undefined) return;
  afterAll(() => removeContainers(engine, installation));

  async function look(home: string, inputs: Attempt['inputs'], more: { gpus?: string[]; runner?: Runner } = {}) {
    const attemptId = `att_${Math.random().toString(16).slice(2)}`;
    const store = createArtifactStore(join(home, 'artifacts'));
    const runner = more.runner ?? createWorkerRunner(engine ?? expect.fail(), image ?? '', store, { installation });
    const attempt: Attempt = {
      attemptId,
      taskId: 'task_1',
      pipelineId: 'pipeline_1',
      nodeId: 'tune',
      task: heavy,
      inputs: { behaviour: 'look', ...inputs },
      resources: {},
      folder: join(home, 'attempts', attemptId),
      limits: { cpuThreads: 2, memoryMib: 200, gpus: more.gpus ?? [], timeoutMs: 60_000, graceMs: 100 },
    };
    const reports: AttemptReport[] = [];
    const { signal } = new AbortController();
    const options = {
      fromOffset: 0,
      onReport: (report: AttemptReport) => void reports.push(report),
      signal,
      detach: signal,
    };
    const result = await (await runner.start(attempt, options)).follow(options);
    return {
      attempt,
      seen: result.outputs.metrics as Record<string, unknown>,
      reports,
      raw: await rawInspect(containerName(attemptId)),
    };
  }

  it('may do nothing but compute within its limits, on nothing but its own files', async () => {
    await using home = await temporaryFolder();
    const { attempt, seen, raw, reports } = await look(home.path, {});
    const mib = 2 ** 20;
    expect(raw.HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      CapAdd: null,
      Privileged: false,
      ReadonlyRootfs: true,
      SecurityOpt: ['no-new-privileges:true'],
      NetworkMode: 'none',
      PidMode: '',
      IpcMode: 'private',
      UsernsMode: '',
      Memory: 200 * mib,
      MemorySwap: 200 * mib,
      NanoCpus: 2e9,
      ShmSize: 100 * mib,
      PidsLimit: 1024,
      AutoRemove: false,
      Init: true,
      RestartPolicy: { MaximumRetryCount: 0 },
      Devices: null,
      DeviceRequests: null,
      LogConfig: { Type: 'local', Config: { 'max-size': '1m', 'max-file': '1' } },
    });
    expect(raw.HostConfig.Tmpfs['/tmp']).toContain('nosuid,nodev');
    expect(
      raw.Mounts.map(({ Type, Source, Destination, RW }: Record<string, unknown>) => ({
        Type,
        Source,
        Destination,
        RW,
      })),
    ).toEqual(
      expect.arrayContaining([
        { Type: 'bind', Source: attempt.folder, Destination: '/attempt', RW: true },
        { Type: 'bind', Source: join(attempt.folder, 'spec.json'), Destination: '/attempt/spec.json', RW: false },
        { Type: 'bind', Source: join(attempt.folder, 'inputs'), Destination: '/attempt/inputs', RW: false },
      ]),
    );
    expect(raw.Mounts).toHaveLength(3);
    expect(raw.Image).toBe(image);
    expect(raw.Config.Labels).toMatchObject({
      'trainyard.installation': installation,
      'trainyard.pipeline': 'pipeline_1',
      'trainyard.node': 'tune',
      'trainyard.attempt': attempt.attemptId,
    });
    expect(seen).toMatchObject({
      uid: Number(raw.Config.User.split(':')[0]),
      capabilities: '0000000000000000',
      bounding: '0000000000000000',
      no_new_privileges: '1',
      seccomp: '2',
      networks: ['lo'],
      write_root: 'EROFS',
      write_spec: expect.stringMatching(/EROFS|EACCES/),
      remove_spec: 'EBUSY',
      write_inputs: 'EROFS',
      write_own: 'done',
      write_tmp: 'done',
      docker_sockets: [],
      offline: '1',
    });
    expect(seen.uid).not.toBe(0);
    expect(reports[0]).toMatchObject({
      type: 'task_placed',
      environment: { image },
      container: containerName(attempt.attemptId),
    });
  });

  it('has a network, the cache of the hub and the secrets only where the task fetches something', async () => {
    await using home = await temporaryFolder();
    const store = createArtifactStore(join(home.path, 'artifacts'));
    const secrets = createRunSecrets(join(home.path, 'secrets'), {
      HF_TOKEN: "hf_'secret' $HOME",
      HTTPS_PROXY: 'http://me:pass@proxy',
    });
    const runner = createWorkerRunner(engine, image, store, { installation, secrets });
    const { seen, raw, attempt } = await look(home.path, { path: 'huggingface:squad' }, { runner });
    expect(seen).toMatchObject({ token: "hf_'secret' $HOME", offline: '' });
    expect(raw.HostConfig.NetworkMode).toBe('bridge');
    expect(raw.Mounts.find(({ Type }: { Type: string }) => Type === 'volume')).toMatchObject({
      Name: 'trainyard-hardening-hub',
      Destination: '/cache/huggingface',
    });
    expect(JSON.stringify(raw)).not.toMatch(/secret' |me:pass/);
    const other = await look(home.path, { path: 'builtin:x' }, { runner });
    expect(other.seen).toMatchObject({ token: '', networks: ['lo'] });
    runner.release?.(attempt.attemptId);
    await runner.close?.();
    await expect(rawInspect(containerName(attempt.attemptId))).resolves.toMatchObject({
      message: expect.stringContaining('No such container'),
    });
  });

  it('sees a file that its input names, at the same place, and cannot change it', async () => {
    await using home = await temporaryFolder();
    const folder = join(home.path, 'data');
    await mkdir(folder);
    await writeFile(join(folder, 'rows.jsonl'), '{}');
    const { seen, raw } = await look(home.path, { path: join(folder, 'rows.jsonl') });
    expect(seen.file).toBe('done');
    expect(raw.Mounts).toContainEqual(expect.objectContaining({ Destination: join(folder, 'rows.jsonl'), RW: false }));
    expect((await look(home.path, { path: join(folder, 'none.jsonl') })).seen.file).toBe('ENOENT');
  });

  it('cannot write what is mounted below a folder that its input names', async () => {
    await using home = await temporaryFolder();
    const folder = join(home.path, 'data');
    await mkdir(join(folder, 'below'), { recursive: true });
    const { raw } = await look(home.path, { path: folder });
    const mount = raw.HostConfig.Mounts.find(({ Target }: { Target: string }) => Target === folder);
    expect(mount).toMatchObject({ ReadOnly: true, BindOptions: { NonRecursive: true } });
  });

  it('is refused what no task may see', async () => {
    await using home = await temporaryFolder();
    const store = createArtifactStore(join(home.path, 'artifacts'));
    const socket = join(home.path, 'docker.sock');
    const server = createServer().listen(socket);
    await mkdir(join(home.path, 'secret'));
    const link = join(home.path, 'link');
    await symlink(join(home.path, 'secret'), link);
    // Named by a link, as a home may be.
    const place = testPlace(installation, { hidden: [link] });
    const runner = createWorkerRunner(engine, image, store, { installation, place });
    for (const path of [
      '/',
      '/usr',
      '/usr/bin',
      '/var/run',
      '/etc/passwd',
      '/home',
      link,
      '/proc/1/environ',
      '/dev/zero',
      '/sys/kernel',
      socket,
      home.path,
      join(home.path, 'secret'),
    ]) {
      await expect(look(home.path, { path }, { runner }), path).rejects.toMatchObject({ code: 'path_forbidden' });
    }
    server.close();
  });

  it('is asked for with the devices that the task was lent', async () => {
    await using home = await temporaryFolder();
    const started = await look(home.path, {}, { gpus: ['1'] }).catch((error: unknown) => error);
    // With NVIDIA's hook in place the task sees it, without one Docker says what is missing.
    if (started instanceof Error) {
      expect(started).toMatchObject({
        code: 'gpu_toolkit_missing',
        hint: expect.stringContaining('Container Toolkit'),
      });
      return;
    }
    const { seen, raw } = started as Awaited<ReturnType<typeof look>>;
    expect(raw.HostConfig.DeviceRequests).toMatchObject([
      { Driver: 'nvidia', DeviceIDs: ['1'], Capabilities: [['gpu']] },
    ]);
    expect(seen.gpus).toBe('1');
  });
});
