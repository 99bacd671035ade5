import type Database from 'better-sqlite3';
import { z } from 'zod';
import { type EventOf, eventSchema } from '../../core/events.ts';
import { type Resource, resourceSchema } from '../../core/resource.ts';
import { isResourceId } from '../../core/task.ts';
import type { Keep } from './tables.ts';

/** A resource as one user has it: two who have equal files each know of their own run or upload alone. */
export interface OwnedResource extends Resource {
  user_id: string;
  /** When the user first had it. */
  since: string;
  /** The task run that made it. */
  made_by?: { pipeline_id: string; task_id: string; task_name: string; inputs: Record<string, unknown> };
  /** What the user called what was uploaded. */
  uploaded_as?: string;
}

export interface ResourceQuery {
  userId: string;
  kind?: Resource['kind'] | undefined;
  limit: number;
  /** Only those that the user has had for longer than this one, by id. */
  before?: string | undefined;
}

/** What users have, what it was made from, and which files it takes. */
export interface ResourceReads {
  resource(resourceId: string): Resource | undefined;
  ownedResource(userId: string, resourceId: string): OwnedResource | undefined;
  /** The latest first. */
  ownedResources(query: ResourceQuery): OwnedResource[];
  /** The ids of what a user's resource was made from, and of what of his was made from it. */
  madeFrom(userId: string, resourceId: string): string[];
  madeOf(userId: string, resourceId: string): string[];
  /** Whether any resource has a file with this content. */
  isFileNamed(sha256: string): boolean;
  /** One that a user has had since before, and that nothing younger was made from. */
  expiredResource(before: string, except: ReadonlySet<string>): { user_id: string; resource_id: string } | undefined;
}

export const resourceTables = `
  CREATE TABLE owned_resources (
    resource_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    seq INTEGER NOT NULL,
    since TEXT NOT NULL,
    made_by TEXT,
    uploaded_as TEXT,
    metadata TEXT NOT NULL,
    PRIMARY KEY (resource_id, user_id)
  ) WITHOUT ROWID;
  CREATE INDEX owned_by_user ON owned_resources (user_id, seq, resource_id);
  CREATE INDEX owned_since ON owned_resources (since);
  CREATE TABLE resource_uses (
    user_id TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    used_id TEXT NOT NULL,
    PRIMARY KEY (user_id, resource_id, used_id)
  ) WITHOUT ROWID;
  CREATE INDEX uses_of_resource ON resource_uses (user_id, used_id);
  CREATE TABLE resource_files (sha256 TEXT NOT NULL, resource_id TEXT NOT NULL, PRIMARY KEY (sha256, resource_id))
    WITHOUT ROWID;
  CREATE INDEX files_of_resource ON resource_files (resource_id);
`;

type Run = { task_name: string; inputs: Record<string, unknown> };
interface Owning {
  resource: Pick<Resource, 'resource_id' | 'kind' | 'metadata'>;
  userId: string;
  at: { seq: number; time: string };
  madeBy?: NonNullable<OwnedResource['made_by']>;
  uploadedAs?: string;
}

const endings: ReadonlySet<string> = new Set(['task_failed', 'task_skipped', 'task_cancelled', 'attempt_failed']);

/** Keeps what users have in step with the events. */
export function keepResources(db: Database.Database): Keep {
  const addResource = db.prepare('INSERT OR IGNORE INTO resources VALUES (?, ?)');
  const addFile = db.prepare('INSERT OR IGNORE INTO resource_files VALUES (?, ?)');
  const addOwner = db.prepare('INSERT OR IGNORE INTO owned_resources VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const addUse = db.prepare(
    'INSERT OR IGNORE INTO resource_uses SELECT ?, ?, resource_id FROM resources WHERE resource_id = ?',
  );
  const userOf = db.prepare('SELECT user_id FROM pipelines WHERE pipeline_id = ?').pluck();
  const runOf = db.prepare('SELECT task_name, inputs FROM results WHERE task_id = ?');
  const known = db.prepare('SELECT body FROM resources WHERE resource_id = ?').pluck();
  const remove = removal(db);
  /** What runs in this process has no row among the results; it does not outlive this process either. */
  const begun = new Map<string, Run>();

  function addAll(resource: Resource): void {
    addResource.run(resource.resource_id, JSON.stringify(resource));
    for (const { sha256 } of resource.artifacts) addFile.run(sha256, resource.resource_id);
  }

  function own({ resource, userId, at, madeBy, uploadedAs }: Owning): void {
    const { resource_id, kind, metadata } = resource;
    const made = madeBy === undefined ? null : JSON.stringify(madeBy);
    const { changes } = addOwner.run(
      ...[resource_id, userId, kind, at.seq, at.time, made, uploadedAs ?? null, JSON.stringify(metadata)],
    );
    if (changes === 0 || madeBy === undefined) return;
    for (const id of resourceIdsAmong(madeBy.inputs)) addUse.run(userId, resource_id, id);
  }

  function recordedRun(taskId: string): Run {
    const row = runOf.get(taskId) as { task_name: string; inputs: string } | undefined;
    return row === undefined ? { task_name: '', inputs: {} } : { ...row, inputs: JSON.parse(row.inputs) };
  }

  function ownMade(event: EventOf<'task_succeeded'>, at: Owning['at']): void {
    const made = Object.values(event.resources);
    const run = begun.get(event.task_id);
    begun.delete(event.task_id);
    if (made.length === 0) return;
    const { pipeline_id, task_id } = event;
    const madeBy = { pipeline_id, task_id, ...(run ?? recordedRun(task_id)) };
    const userId = String(userOf.get(pipeline_id));
    for (const resource of made) {
      addAll(resource);
      own({ resource, userId, at, madeBy });
    }
  }

  /** Whoever removed a result and then gets it once more has it again. */
  function ownReused(event: EventOf<'task_reused'>, at: Owning['at']): void {
    const { pipeline_id, task_id, task_name, inputs } = event;
    for (const id of resourceIdsAmong(event.outputs)) {
      const body = known.get(id) as string | undefined;
      if (body === undefined) continue;
      const madeBy = { pipeline_id, task_id, task_name, inputs };
      own({ resource: JSON.parse(body), userId: String(userOf.get(pipeline_id)), at, madeBy });
    }
  }

  return (event, at) => {
    if (event.type === 'task_started') begun.set(event.task_id, { task_name: event.task_name, inputs: event.inputs });
    else if (event.type === 'task_succeeded') ownMade(event, at);
    else if (event.type === 'task_reused') ownReused(event, at);
    else if (event.type === 'resource_uploaded') {
      addAll(event.resource);
      own({ resource: event.resource, userId: event.user_id, at, uploadedAs: event.name });
    } else if (event.type === 'resource_removed') remove(event.user_id, event.resource_id);
    else if ('task_id' in event && endings.has(event.type)) begun.delete(event.task_id);
  };
}

/** What no user has any more is forgotten altogether. */
function removal(db: Database.Database): (userId: string, resourceId: string) => void {
  const ofUser = [
    db.prepare('DELETE FROM owned_resources WHERE user_id = ? AND resource_id = ?'),
    db.prepare('DELETE FROM resource_uses WHERE user_id = ? AND resource_id = ?'),
  ];
  const isOwned = db.prepare('SELECT 1 FROM owned_resources WHERE resource_id = ?').pluck();
  const ofAll = [
    db.prepare('DELETE FROM resources WHERE resource_id = ?'),
    db.prepare('DELETE FROM resource_files WHERE resource_id = ?'),
  ];
  return (userId, resourceId) => {
    for (const statement of ofUser) statement.run(userId, resourceId);
    if (isOwned.get(resourceId) === undefined) for (const statement of ofAll) statement.run(resourceId);
  };
}

/**
 * Reads what there is out of the journal of an earlier version. What nobody can tell the maker of belongs to the one
 * user that there was.
 */
export function fillResourceTables(db: Database.Database): void {
  const keep = keepResources(db);
  const types = ['task_started', 'task_succeeded', 'task_reused', 'task_failed', 'task_cancelled', 'attempt_failed'];
  const next = db.prepare(
    `SELECT seq, time, body FROM events
     WHERE seq > ? AND json_extract(body, '$.type') IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT 1000`,
  );
  const rows = (after: number) =>
    next.all(after, JSON.stringify(types)) as { seq: number; time: string; body: string }[];
  let page = rows(0);
  while (page.length > 0) {
    for (const { seq, time, body } of page) keep(eventSchema.parse(JSON.parse(body)), { seq, time }, {});
    page = rows(page.at(-1)?.seq ?? 0);
  }
  db.exec(`
    INSERT OR IGNORE INTO resource_files
      SELECT json_extract(value, '$.sha256'), resource_id FROM resources, json_each(body, '$.artifacts');
    INSERT INTO owned_resources
      SELECT resource_id, 'local', json_extract(body, '$.kind'), 0, strftime('%Y-%m-%dT%H:%M:%fZ'), NULL, NULL,
        json_extract(body, '$.metadata')
      FROM resources WHERE resource_id NOT IN (SELECT resource_id FROM owned_resources);
  `);
}

interface OwnedRow {
  resource_id: string;
  user_id: string;
  since: string;
  made_by: string | null;
  uploaded_as: string | null;
  metadata: string;
  body: string;
}

const madeBySchema = z.object({
  pipeline_id: z.string(),
  task_id: z.string(),
  task_name: z.string(),
  inputs: z.record(z.string(), z.unknown()),
});

export function createResourceReads(db: Database.Database): ResourceReads {
  const columns = 'resource_id, o.user_id, o.since, o.made_by, o.uploaded_as, o.metadata, r.body';
  const from = 'FROM owned_resources o JOIN resources r USING (resource_id)';
  const resource = db.prepare('SELECT body FROM resources WHERE resource_id = ?').pluck();
  const owned = db.prepare(`SELECT ${columns} ${from} WHERE o.user_id = ? AND resource_id = ?`);
  const list = db.prepare(
    `SELECT ${columns} ${from}
     WHERE o.user_id = @userId AND (@kind IS NULL OR o.kind = @kind) AND (@before IS NULL OR (o.seq, resource_id) <
       (SELECT seq, resource_id FROM owned_resources WHERE user_id = @userId AND resource_id = @before))
     ORDER BY o.seq DESC, resource_id DESC LIMIT @limit`,
  );
  const madeFrom = db.prepare('SELECT used_id FROM resource_uses WHERE user_id = ? AND resource_id = ?').pluck();
  const madeOf = db.prepare('SELECT resource_id FROM resource_uses WHERE user_id = ? AND used_id = ?').pluck();
  const named = db.prepare('SELECT 1 FROM resource_files WHERE sha256 = ? LIMIT 1').pluck();
  const expired = db.prepare(
    `SELECT user_id, resource_id FROM owned_resources AS o
     WHERE since < @before AND resource_id NOT IN (SELECT value FROM json_each(@except)) AND NOT EXISTS (
       SELECT 1 FROM resource_uses u JOIN owned_resources y ON y.user_id = u.user_id AND y.resource_id = u.resource_id
       WHERE u.user_id = o.user_id AND u.used_id = o.resource_id AND y.since >= @before)
     ORDER BY since LIMIT 1`,
  );

  return {
    resource: (resourceId) => {
      const body = resource.get(resourceId) as string | undefined;
      return body === undefined ? undefined : resourceSchema.parse(JSON.parse(body));
    },
    ownedResource: (userId, resourceId) => {
      const row = owned.get(userId, resourceId) as OwnedRow | undefined;
      return row && parseOwned(row);
    },
    ownedResources: ({ userId, kind = null, limit, before = null }) =>
      (list.all({ userId, kind, limit, before }) as OwnedRow[]).map(parseOwned),
    madeFrom: (userId, resourceId) => madeFrom.all(userId, resourceId) as string[],
    madeOf: (userId, resourceId) => madeOf.all(userId, resourceId) as string[],
    isFileNamed: (sha256) => named.get(sha256) !== undefined,
    expiredResource: (before, except) =>
      expired.get({ before, except: JSON.stringify([...except]) }) as ReturnType<ResourceReads['expiredResource']>,
  };
}

function parseOwned({ user_id, since, made_by, uploaded_as, metadata, body }: OwnedRow): OwnedResource {
  return {
    ...resourceSchema.parse({ ...JSON.parse(body), metadata: JSON.parse(metadata) }),
    user_id,
    since,
    ...(made_by !== null && { made_by: madeBySchema.parse(JSON.parse(made_by)) }),
    ...(uploaded_as !== null && { uploaded_as }),
  };
}

function resourceIdsAmong(values: Record<string, unknown>): string[] {
  return Object.values(values).filter((value) => typeof value === 'string' && isResourceId(value)) as string[];
}
