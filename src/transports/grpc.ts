import { join } from 'node:path';
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { UserError } from '../core/errors.ts';
import { behindDoor, type Door } from './grpc-door.ts';
import { methods } from './grpc-methods.ts';

export interface GrpcOptions extends Door {
  /** Nobody but this machine may reach it: what goes over it is not encrypted. */
  host: string;
  /** 0 takes a free one. */
  port: number;
}

const protoFile = join(import.meta.dirname, 'trainyard.proto');
const serviceName = 'trainyard.v1.Trainyard';
/** Of a message that comes in; what a client takes is its own affair. */
const largestMessage = 16 * 2 ** 20;
const pingMs = 30_000;

export function loadDefinition(): { definition: PackageDefinition; service: ServiceDefinition } {
  const definition = loadSync(protoFile, { keepCase: true, longs: Number, enums: String, defaults: true });
  return { definition, service: definition[serviceName] as ServiceDefinition };
}

/**
 * Serves `trainyard.proto`, and beside it reflection and health, which ask nobody who they are.
 * @throws UserError `port_taken` where the port cannot be had.
 */
export async function listenGrpc({
  host,
  port,
  ...door
}: GrpcOptions): Promise<{ address: string; close: () => void }> {
  const server = new Server({
    'grpc.max_receive_message_length': largestMessage,
    'grpc.keepalive_time_ms': pingMs,
  });
  const { definition, service } = loadDefinition();
  server.addService(service, behindDoor(service, methods, door));
  new ReflectionService(definition).addToServer(server);
  addHealth(server, door.ready);
  const name = host.includes(':') ? `[${host}]` : host;
  const taken = await bind(server, name, port);
  return { address: `${name}:${taken}`, close: () => server.forceShutdown() };
}

function addHealth(server: Server, ready: Promise<void>): void {
  const health = new HealthImplementation({ '': 'NOT_SERVING', [serviceName]: 'NOT_SERVING' });
  health.addToServer(server);
  void ready.then(() => {
    for (const service of ['', serviceName]) health.setStatus(service, 'SERVING');
  });
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (cause, taken) => {
      if (cause === null) return resolve(taken);
      const hint = 'Set TRAINYARD_GRPC_PORT to another one, or to 0.';
      reject(new UserError('port_taken', `Port ${port} cannot be had for gRPC: ${cause.message}.`, { hint, cause }));
    });
  });
}
