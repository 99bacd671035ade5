import type { ConversationService } from './conversations.ts';
import type { FeedService } from './feed.ts';
import type { PipelineService } from './pipelines.ts';
import type { TaskService } from './tasks.ts';
import type { UserService } from './users.ts';

/** Every operation there is, by group. Each takes its caller first; transports have them through `access.ts` alone. */
export interface Services {
  tasks: TaskService;
  pipelines: PipelineService;
  conversations: ConversationService;
  feed: FeedService;
  users: UserService;
}
