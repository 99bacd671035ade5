import { contentNames } from '../core/content-name.ts';
import type { Resource } from '../core/resource.ts';
import type { Catalogue } from '../core/task.ts';
import type { Journal } from '../executor/journal/journal.ts';
import type { OwnedResource } from '../executor/journal/resources.ts';

/** How one resource came to be. */
export interface LineageStep {
  resource_id: string;
  /** Null where it has been removed since. */
  kind: Resource['kind'] | null;
  /** The run that made it, with what it was given. */
  made_by: OwnedResource['made_by'] | null;
  uploaded: { name: string; at: string } | null;
  /** The models and data that the run was given by name, by the input's: `{"model_name": "builtin:tiny-llama"}`. */
  names: Record<string, string>;
  /** The resources that it was made from, by id. */
  from: string[];
}

export interface Lineage {
  resource_id: string;
  /** It, and then all that it was made from, the nearest first, each once. */
  origins: LineageStep[];
  /** All that was made from it, the nearest first, each once. */
  descendants: LineageStep[];
  /** Whether there is more than is told. */
  is_cut: boolean;
}

const mostSteps = 1000;

export function lineageOf(resource: OwnedResource, journal: Journal, catalogue: Catalogue): Lineage {
  const { user_id: userId, resource_id } = resource;
  const step = (id: string) => stepOf(id, userId, journal, catalogue);
  const up = reach(resource_id, (id) => journal.madeFrom(userId, id));
  const down = reach(resource_id, (id) => journal.madeOf(userId, id));
  return {
    resource_id,
    origins: up.ids.map(step),
    descendants: down.ids.slice(1).map(step),
    is_cut: up.isCut || down.isCut,
  };
}

/** All that can be reached, the nearest first. */
function reach(start: string, next: (id: string) => string[]): { ids: string[]; isCut: boolean } {
  const seen = new Set([start]);
  for (const id of seen) {
    for (const other of next(id)) {
      if (seen.size >= mostSteps) return { ids: [...seen], isCut: true };
      seen.add(other);
    }
  }
  return { ids: [...seen], isCut: false };
}

function stepOf(id: string, userId: string, journal: Journal, catalogue: Catalogue): LineageStep {
  const resource = journal.ownedResource(userId, id);
  const { made_by: madeBy, uploaded_as: name } = resource ?? {};
  return {
    resource_id: id,
    kind: resource?.kind ?? null,
    made_by: madeBy ?? null,
    uploaded: resource === undefined || name === undefined ? null : { name, at: resource.since },
    names: madeBy === undefined ? {} : namesIn(madeBy, catalogue),
    from: journal.madeFrom(userId, id),
  };
}

function namesIn({ task_name, inputs }: NonNullable<OwnedResource['made_by']>, catalogue: Catalogue) {
  const task = catalogue.get(task_name);
  if (task === undefined) return {};
  return Object.fromEntries(contentNames(task, inputs).map(({ input, value }) => [input, value]));
}
