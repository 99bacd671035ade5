/** Requests about runs and what they leave: logs, status, retry, cancel, upload, download. */
import type { Command } from '../../../commands.ts';
import { phrases } from './phrases.ts';
import type { Message } from './read-request.ts';

const runs = 'run|runs|pipeline|pipelines|job|jobs|training|task|tasks|finetuning|evaluation|quantization';
const ends = 'done|finished|finish|ready|complete|completed|over';

const upload = phrases('upload');
const download = phrases('download|export|fetch|get|save', 'give me');
const logs = phrases('log|logs|stderr|stdout|traceback', 'console output');
const retry = phrases('retry|re-try|rerun|re-run|resume|restart|continue', 'run it|that again', 'pick up where');
const tryAgain = phrases('try … again');
const cancel = phrases('cancel|stop|abort|kill|terminate|halt|end');
const aRun = phrases('run|running|pipeline|job|training|task');
const theRun = phrases(
  'it|that|this|everything|all|the|my|our|last|latest|current|whole|one|process|execution|experiment|step|steps',
  'please|now|immediately|already|right|at|once|.|!|?',
  runs,
);

const status = phrases(
  'status|progress|eta',
  'how far',
  'are we there',
  'where are we',
  'state of',
  'any news|update|updates',
  'update on',
  'what is happening|running',
  'what is going on',
  'how much longer',
  'how long until|till|will',
  'how long does it still',
  `when will it|my|the … ${ends}`,
  `how is|are|was|did … ${runs}|it|thing|things|everything|that … going|doing|coming|progressing|getting|looking|go|along`,
  `is|has|did|are … ${runs}|it|that … ${ends}|running|failed|fail|succeeded|started|crash|crashed|through|still`,
  `how the|my|our|that|this ${runs} is|are`,
);
const statusOfId = phrases(`${ends}|running|failed`, 'how|check|where|show|about', 'look up');

export function readArtifactRequest({ said, id, path }: Message): Command | undefined {
  if (upload.in(said) && path !== undefined) return action('upload_artifact', { path });
  const isResource = id !== undefined && /^(model|ds|lora|report|env|cfg)_/.test(id);
  return isResource && download.in(said) ? action('download_artifact', { id }) : undefined;
}

export function readRunRequest(message: Message): Command | undefined {
  const { said, id, tasks, plans, context } = message;
  if (plans) return undefined;
  const args: Record<string, string> = id === undefined ? {} : { id };
  if (logs.in(said)) return action('get_logs', args);
  if (asksStatus(message)) return action('get_status', args);
  const aboutRun = id !== undefined || tasks.length === 0;
  if (tryAgain.in(said) || (aboutRun && retry.in(said))) return action('retry', args);
  if (!asksCancel(message)) return undefined;
  if (id === undefined && context.missing.length > 0 && !context.submitted) return { type: 'forget' };
  return action('cancel', args);
}

function asksStatus({ said, id }: Message): boolean {
  if (status.in(said)) return true;
  return id !== undefined && statusOfId.in(said) && !cancel.in(said) && !retry.in(said);
}

/** "stop it", "kill the job", "cancel pl_1"; but "stop before evaluating" speaks of a plan. */
function asksCancel({ said, id }: Message): boolean {
  const rest = cancel.after(said);
  if (rest === undefined) return false;
  return id !== undefined || rest === '' || theRun.make(rest) || aRun.in(rest);
}

export function action(name: string, args: Record<string, string>): Command {
  return { type: 'action', name, args };
}
