/** Questions about what Trainyard can do: which tasks there are, what one of them takes. */
import type { Command } from '../../../commands.ts';
import { phrases } from './phrases.ts';
import type { Message } from './read-request.ts';
import { action } from './runs.ts';

const typeWords = {
  MACROTASK: phrases('macrotask|macrotasks|macro-task|macro-tasks', 'macro task|tasks'),
  MICROSERVICE: phrases('microservice|microservices|micro-service|micro-services', 'micro service|services|task|tasks'),
  MANAGERIAL: phrases('managerial|admin|administrative'),
  PIPELINE: phrases('pipeline task|tasks', 'tasks of type pipeline'),
};

const lists = phrases(
  'what|which|list|show|all|available|have|see|tell|give|name|display|print|enumerate|any',
  'how many',
);
const tasks = phrases(
  'tasks|operations|commands|capabilities|things|actions|steps|services|functions|catalogue|catalog',
  'task type|types',
);
const abilities = phrases(
  'what can|could|do you do|offer|support|know',
  'what is|are possible|supported|available',
  'what can i do|ask|run',
  'everything|anything|all you can|could do',
  'what can|does trainyard|it|this do|offer|support',
);
const explains = phrases(
  'describe|explain|info|information|detail|details|documentation|docs|schema|fields|signature',
  'input|inputs|output|outputs|parameter|parameters|params|argument|arguments|args|options|settings',
  'what|how does|do|is|are|can|would',
  'tell me … about',
  'help with|on',
  'help me with|on|understand',
  'how should i|you|we use',
);
/** What is asked of a task itself, and of no plan. */
const explicit = phrases(
  'describe|explain|documentation|docs|schema|signature',
  'inputs|outputs|parameters|params|arguments|args',
);
/** Words that lean on a plan: "what is its accuracy". */
const ofPlan = phrases('it|them|its|my|accuracy|performance|after|before|then');
const defines = phrases('how does', 'what is a');

export function readInformation(message: Message): Command | undefined {
  const { said, plans } = message;
  if (plans) return abilities.in(said) ? action('list_tasks', {}) : undefined;
  const type = Object.entries(typeWords).find(([, words]) => words.in(said))?.[0];
  if (type !== undefined && !defines.in(said)) return action('list_tasks', { filter_type: type });
  const task = mentionedTask(message);
  const isTold = task !== undefined && (phrases(`${task} task|step`).in(said) || explains.begin(said));
  if (task !== undefined && explains.in(said) && (isTold || explicit.in(said) || !ofPlan.in(said)))
    return action('get_task_info', { task_name: task });
  const listsTasks = task === undefined && lists.in(said) && tasks.in(said);
  return listsTasks || abilities.in(said) ? action('list_tasks', {}) : undefined;
}

/** The one task that the message is about, by its name or by a word for it. */
function mentionedTask({ said, tasks: mentioned, catalogue }: Message): string | undefined {
  const named = [...catalogue.keys()].find((name) => phrases(name).in(said));
  if (named !== undefined && (mentioned.length === 0 || mentioned.includes(named))) return named;
  return mentioned.length === 1 ? mentioned[0] : undefined;
}
