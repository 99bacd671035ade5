import { UserError } from '../core/errors.ts';
import type { ArtifactFiles, Resource } from '../core/resource.ts';
import type { Executor } from '../executor/executor.ts';
import type { Journal } from '../executor/journal/journal.ts';

/** @throws UserError `resource_in_use` where a pipeline that is not over names it. */
export function refuseInUse(journal: Journal, executor: Pick<Executor, 'run'>, userId: string, resourceId: string) {
  const pipelineId = [...usesOf(journal, executor, userId)].find(([, ids]) => ids.has(resourceId))?.[0];
  if (pipelineId === undefined) return;
  throw new UserError('resource_in_use', `${resourceId} is used by ${pipelineId}, which is not over.`, {
    hint: 'Wait for it or cancel it.',
  });
}

/** All that a user's pipelines name that are not over, by pipeline. */
export function* usesOf(
  journal: Journal,
  executor: Pick<Executor, 'run'>,
  userId?: string,
): Generator<[pipelineId: string, ids: ReadonlySet<unknown>]> {
  const running = journal.pipelines({
    ...(userId !== undefined && { userId }),
    state: 'running',
    limit: Number.MAX_SAFE_INTEGER,
  });
  for (const { pipeline_id } of running) {
    const ids = new Set<unknown>();
    for (const { node, inputs, outputs } of executor.run(pipeline_id)?.tasks.values() ?? []) {
      for (const values of [node.values, inputs, outputs]) for (const name in values) ids.add(values[name]);
    }
    yield [pipeline_id, ids];
  }
}

/** A user has it no more; what of its files nobody else has goes. Returns how many bytes went. */
export function removeResource(journal: Journal, files: ArtifactFiles, userId: string, resource: Resource): number {
  journal.append([{ type: 'resource_removed', user_id: userId, resource_id: resource.resource_id }]);
  return files.removeUnnamed(resource.artifacts, journal.isFileNamed);
}
