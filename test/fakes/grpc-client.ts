import { once } from 'node:events';
import { join } from 'node:path';
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { service as healthService } from 'grpc-health-check';
import { loadDefinition } from '../../src/transports/grpc.ts';

export interface CallOptions {
  token?: string | undefined;
  idempotencyKey?: string;
  /** In ms from now. */
  deadline?: number;
}

export type GrpcClient = ReturnType<typeof openGrpcClient>;
export type Messages = AsyncIterable<Record<string, unknown>> & {
  cancel(): void;
  pause(): void;
  resume(): void;
};

const { service } = loadDefinition();
export const rpcs = Object.keys(service);
const known = { ...service, ...healthService };

/** A client of the server's own definition, with messages as plain objects. */
export function openGrpcClient(address: string) {
  const client = new Client(address, credentials.createInsecure());

  function call(name: string, requests: object[], { token, idempotencyKey, deadline }: CallOptions = {}) {
    const { path, requestSerialize, responseDeserialize } = known[name] as MethodDefinition<object, object>;
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    if (idempotencyKey !== undefined) metadata.set('idempotency-key', idempotencyKey);
    const options = deadline === undefined ? {} : { deadline: Date.now() + deadline };
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, options);
    for (const request of requests) stream.write(request);
    stream.end();
    return stream as ClientDuplexStream<object, Record<string, unknown>>;
  }

  async function ask<T = Record<string, never>>(name: string, request: object = {}, options?: CallOptions): Promise<T> {
    for await (const response of call(name, [request], options)) return response as T;
    throw new Error('There was no response.');
  }

  return {
    /** The one response. @throws ServiceError */
    ask,
    /** How a service is, as the health service says. */
    check: async (name: string) => (await ask<{ status: string }>('Check', { service: name })).status,
    /** The stream of responses. */
    stream: (name: string, request: object = {}, options?: CallOptions): Messages => call(name, [request], options),
    /** How a call fails. */
    async failure(name: string, request: object = {}, options?: CallOptions): Promise<ServiceError> {
      const stream = call(name, [request], options);
      stream.resume();
      const [error] = await once(stream, 'error');
      return error;
    },
    close: () => client.close(),
  };
}

const decoders = loadSync(join(import.meta.dirname, '..', 'fixtures', 'google-rpc.proto'), { defaults: true })[
  'google.rpc.Decode'
] as ServiceDefinition;

const decode = (type: string, bytes: Buffer) => decoders[type]?.requestDeserialize(bytes) as Record<string, unknown>;

/** What `grpc-status-details-bin` says: the status, and each detail by its type's last name. */
export function detailsOf({ metadata }: ServiceError): Record<string, unknown> {
  const { details, ...status } = decode('Status', metadata.get('grpc-status-details-bin')[0] as Buffer);
  const named = (details as { type_url: string; value: Buffer }[]).map(({ type_url, value }) => {
    const name = type_url.split('.').at(-1) ?? '';
    return [name, decode(name, value)] as const;
  });
  return { ...status, ...Object.fromEntries(named) };
}
