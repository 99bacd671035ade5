import type { ConversationService } from './conversations.ts';
import type { PipelineService } from './pipelines.ts';
import type { TaskService } from './tasks.ts';

/** Every operation there is, by group. Transports only translate to these. */
export interface Services {
  tasks: TaskService;
  pipelines: PipelineService;
  conversations: ConversationService;
}
