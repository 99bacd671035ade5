import type { Row } from './evidence.ts';
import { brokenByNodeEvent, brokenByPipelineEvent } from './rules.ts';
import { beginPipeline, moveNode, movePipeline, type Stories } from './story.ts';

/** Retells the journal event by event and finds each one that should not have come where it stands. */
export function retell(rows: readonly Row[]): { stories: Stories; faults: string[] } {
  const stories: Stories = { pipelines: new Map(), tasks: new Map(), attempts: new Map() };
  const faults = rows.flatMap((row) => {
    const { type, pipeline_id, node_id, attempt_id } = row.event;
    const place = [pipeline_id, node_id, attempt_id].filter((id) => id !== undefined).join(' ');
    return tell(stories, row).map((what) => `Frame ${row.seq}, ${type} of ${place}: ${what}.`);
  });
  const running = [...stories.pipelines.values()].filter(({ state }) => state === 'running');
  return { stories, faults: [...faults, ...running.map(({ id }) => `${id} has not come to its end.`)] };
}

function tell(stories: Stories, row: Row): string[] {
  const { event } = row;
  if (event.pipeline_id === undefined) return [];
  const pipeline = stories.pipelines.get(event.pipeline_id);
  if (event.type === 'pipeline_submitted') {
    beginPipeline(stories, event);
    return pipeline === undefined ? [] : ['it was submitted before'];
  }
  if (pipeline === undefined) return ['nobody submitted this pipeline'];
  if (event.node_id === undefined) {
    const broken = brokenByPipelineEvent(pipeline, event);
    movePipeline(pipeline, event);
    return broken;
  }
  const node = pipeline.nodes.get(event.node_id);
  if (node === undefined) return ['the pipeline has no such node'];
  const broken = brokenByNodeEvent({ pipeline, node, stories, event });
  moveNode(stories, node, row);
  return broken;
}
