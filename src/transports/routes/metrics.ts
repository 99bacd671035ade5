import type { OpenAPIHono } from '@hono/zod-openapi';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ApiEnv } from './route.ts';

/** What the server counts of itself, taken when somebody asks. */
export interface Figures {
  /** Task runs that run, and that wait for room. */
  tasks: { running: number; queued: number };
  /** Sequence number of the journal's last frame: how much has happened. */
  frames: number;
  /** Whether nothing goes on, as on a full disk. */
  isPaused: boolean;
}

/** Seconds: what is answered from memory, and what waits for a model. */
const buckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/**
 * Measures each request by route, and shows all figures at `/metrics` in Prometheus' form. Its labels are routes,
 * methods and statuses: nothing that anybody wrote.
 */
export function createMetrics(figures: () => Figures) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'trainyard_http_request_seconds',
    help: 'Seconds until a request was answered',
    labelNames: ['method', 'route', 'status'],
    buckets,
    registers: [registry],
  });
  const gauge = (name: string, help: string, read: (now: Figures) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(figures()));
      },
    });
  gauge('trainyard_tasks_running', 'Task runs that run', ({ tasks }) => tasks.running);
  gauge('trainyard_tasks_queued', 'Task runs that wait for room', ({ tasks }) => tasks.queued);
  gauge('trainyard_journal_frames', 'Everything that has happened', ({ frames }) => frames);
  gauge('trainyard_paused', '1 while nothing goes on, as on a full disk', ({ isPaused }) => (isPaused ? 1 : 0));

  return {
    /** Stands before all routes. */
    measure(app: OpenAPIHono<ApiEnv>): void {
      app.use(async (c, next) => {
        const end = requests.startTimer();
        await next();
        // Of what nobody serves there is no end of names.
        const route = c.res.status === 404 ? 'none' : c.req.routePath;
        end({ method: c.req.method, route, status: c.res.status });
      });
    },

    /** Stands behind the question who is there. */
    addRoute(app: OpenAPIHono<ApiEnv>): void {
      app.get('/metrics', async (c) => {
        // Whoever may look at anything may look at this.
        c.var.mine.users.me();
        return c.body(await registry.metrics(), 200, { 'content-type': registry.contentType });
      });
    },
  };
}
