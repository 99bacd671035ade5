import type { RunnableConfig } from '@langchain/core/runnables';
import type { Checkpoint, CheckpointMetadata } from '@langchain/langgraph-checkpoint';
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite';

/**
 * Opens the file in which conversations are kept between messages.
 * @throws where it is damaged: the saver itself would only notice when it is used.
 */
export function openCheckpoints(file: string): SqliteSaver {
  const { db } = SqliteSaver.fromConnString(file);
  db.pragma('schema_version');
  return new LatestSaver(db);
}

/** Keeps the last checkpoint of each conversation: nothing goes back to an earlier one, and each holds all there is. */
class LatestSaver extends SqliteSaver {
  override async put(config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata) {
    const kept = await super.put(config, checkpoint, metadata);
    const { thread_id, checkpoint_ns, checkpoint_id } = kept.configurable ?? {};
    for (const table of ['checkpoints', 'writes']) {
      this.db
        .prepare(`DELETE FROM ${table} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id <> ?`)
        .run(thread_id, checkpoint_ns, checkpoint_id);
    }
    return kept;
  }
}
