import type { CheckedPipeline } from '../core/check-pipeline.ts';
import { type Fault, UserError } from '../core/errors.ts';
import type { Journal } from './journal/journal.ts';
import { isIdIn } from './reuse.ts';

/**
 * What inputs name by id is the user's own: what another one has is as if it did not exist.
 * @throws UserError `unknown_resource` with every place where such an id stands
 */
export function refuseForeign(nodes: CheckedPipeline['nodes'], userId: string, journal: Journal): void {
  const known = new Map<string, boolean>();
  const faults: Fault[] = [];
  const isOwned = (id: string) => {
    const owned = known.get(id) ?? journal.ownedResource(userId, id) !== undefined;
    known.set(id, owned);
    return owned;
  };
  for (const { node_id, task, values } of nodes.values()) {
    for (const field in values) {
      const id = values[field];
      if (typeof id !== 'string' || !isIdIn(task.inputFields.get(field), id) || isOwned(id)) continue;
      faults.push({ code: 'unknown_resource', node_id, field, message: `there is no resource ${id}` });
    }
  }
  const [first] = faults;
  if (first === undefined) return;
  throw new UserError('unknown_resource', `In ${first.node_id}.${first.field}, ${first.message}.`, {
    hint: 'Name a resource that one of your runs has made, or that you have uploaded.',
    faults,
  });
}
