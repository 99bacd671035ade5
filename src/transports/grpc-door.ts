import { once } from 'node:events';
import {
  type Metadata,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Caller } from '../core/caller.ts';
import type { UserServices } from '../services/access.ts';
import type { Authentication } from './authentication.ts';
import { type FailedStatus, statusOf } from './grpc-errors.ts';

/** What came with a request beside its message. */
export interface Call {
  /** A key of the metadata. */
  header(name: string): string | undefined;
  /** Aborts when nobody waits for an answer any more: the client has gone, or its deadline is over. */
  signal: AbortSignal;
  /** Sends a message of a stream, and waits while its reader is behind. */
  send(message: object): Promise<void>;
}

/**
 * What an RPC does, for a caller that is known by then. It returns the response, or nothing where it has sent a stream.
 * Of a client's stream the request is what can be iterated over.
 */
export type Method = (mine: UserServices, request: unknown, call: Call) => object | Promise<object | undefined>;

export interface Door {
  /** The services as a caller has them. */
  servicesFor: (caller: Caller) => UserServices;
  authentication: Authentication;
  /** Settles when what an earlier process left is taken up; calls wait for it. */
  ready: Promise<void>;
}

type ServerCall = { metadata: Metadata; cancelled: boolean } & NodeJS.EventEmitter;
type Stream = ServerWritableStream<unknown, object>;

/**
 * The service with every RPC behind the one door: a method gets the services as its caller has them, and nothing else to
 * reach them by. @throws Error where definition and methods do not name the same RPCs.
 */
export function behindDoor(
  service: ServiceDefinition,
  methods: Record<string, Method>,
  door: Door,
): UntypedServiceImplementation {
  const names = Object.keys(service);
  const odd = [...names, ...Object.keys(methods)].find((name) => !(name in methods && name in service));
  if (odd !== undefined) throw new Error(`${odd} is an RPC without a method, or a method without an RPC.`);
  return Object.fromEntries(
    names.map((name) => [name, handlerOf(service[name] as never, methods[name] as Method, door)]),
  );
}

function handlerOf({ responseStream }: ServiceDefinition[string], method: Method, door: Door): UntypedHandleCall {
  if (responseStream) {
    return (call: Stream) => {
      enter(call, call.request, method, door, call).then(
        () => call.end(),
        (error) => call.emit('error', error),
      );
    };
  }
  return (
    call: ServerUnaryCall<unknown, object> | ServerReadableStream<unknown, object>,
    done: sendUnaryData<object>,
  ) => {
    enter(call, 'request' in call ? call.request : call, method, door).then(
      (response) => done(null, wellFormed(response ?? {}) as object),
      (error) => done(error),
    );
  };
}

/** Who asks comes first, whatever is asked for. @throws FailedStatus */
async function enter(call: ServerCall, request: unknown, method: Method, door: Door, stream?: Stream) {
  const signal = signalOf(call);
  const header = (name: string) => call.metadata.get(name)[0]?.toString();
  try {
    const mine = door.servicesFor(door.authentication.callerOf({ authorization: header('authorization') }));
    await door.ready;
    signal.throwIfAborted();
    return await method(mine, request, { header, signal, send: (message) => sendOn(stream, message, signal) });
  } catch (error) {
    throw error === signal.reason
      ? ({ code: status.CANCELLED, details: 'Nobody waits for it.' } as FailedStatus)
      : statusOf(error);
  }
}

function signalOf(call: ServerCall): AbortSignal {
  const gone = new AbortController();
  if (call.cancelled) gone.abort();
  else call.once('cancelled', () => gone.abort());
  return gone.signal;
}

async function sendOn(stream: Stream | undefined, message: object, signal: AbortSignal): Promise<void> {
  if (stream === undefined) throw new Error('This RPC has no stream to send on.');
  signal.throwIfAborted();
  if (stream.write(wellFormed(message) as object)) return;
  await once(stream, 'drain', { signal }).catch((error) => {
    signal.throwIfAborted();
    throw error;
  });
}

/** Text of tasks and users may have halves of characters, which no message can carry. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, wellFormed(part)]));
}
