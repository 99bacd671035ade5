/** Requests about runs and what they leave: logs, status, comparison, retry, cancel, upload, download. */
import type { Command } from '../../../commands.ts';
import { phrases } from './phrases.ts';
import type { Message } from './read-request.ts';

const runs =
  'run|runs|pipeline|pipelines|job|jobs|training|task|tasks|finetuning|evaluation|quantization|finetune|experiment|eval';
const ends = 'done|finished|finish|ready|complete|completed|over|through';

const upload = phrases('upload');
const download = phrases('download|export|fetch|get|save', 'give me');
const logs = phrases(
  'log|logs|stderr|stdout|traceback|stacktrace',
  'console|terminal output',
  'stack trace',
  'what did|does it print|output|say',
  'output of it|the|that|my',
  'the output of|from',
);
const retry = phrases(
  'retry|re-try|rerun|re-run|resume|restart|continue|retrying',
  'run|start|launch|do it|that|this|them again',
  `run|start|launch|do the|my|that|this|failed|last … ${runs}|one|steps|part again`,
  'pick up where',
  'try|go again',
  'try … again',
  'once more',
  'another|more go|try|shot|attempt',
);
const tryAgain = phrases('try … again', 'retry|re-try|rerun|re-run|resume|restart');
const cancel = phrases(
  'cancel|stop|abort|kill|terminate|halt|interrupt',
  'end it|this|that|the|my|all',
  'shut|call it|that|everything down|off',
  'pull the plug',
);
const ending = phrases('end');
const aRun = phrases('run|running|pipeline|job|training|task');
const theRun = phrases(
  'it|that|this|everything|all|the|my|our|last|latest|current|whole|one|process|execution|experiment|step|steps',
  'please|pls|plz|now|immediately|already|right|at|once|for|me|asap|.|!|?|,',
  runs,
);
const asks = phrases('how|is|are|was|did|has|have|what|why|any|when|where|which|does|do|can|could|still|so');

const status = phrases(
  'status|progress|eta',
  'how far',
  'taking so|too|that long',
  'which|what step|epoch|stage|part is|are it|we|you',
  'are we there',
  'where are we',
  'where does|do … stand',
  'state of',
  'any news|update|updates|progress',
  'news|update on|about|from|of',
  'what is happening|running|up with',
  'what is going on',
  'what is the state',
  'how much longer|time|left',
  'how long until|till|will|left',
  'how long does it still',
  `when will it|my|the … ${ends}`,
  `how is|are|was|did … ${runs}|it|thing|things|everything|that … going|doing|coming|progressing|getting|looking|go|along`,
  `is|has|did|are|does … ${runs}|it|that|they|everything|still … ${ends}|running|failed|fail|succeeded|started|crash|crashed|still|stuck|alive|hanging|going|broken|stopped|died`,
  'did it|that|everything|this work',
  `how the|my|our|that|this ${runs} is|are`,
  'still running|going|alive',
  'check|look on|in|at … run|job|pipeline|training',
  'is anything|something running|wrong',
);
const statusOfId = phrases(`${ends}|running|failed`, 'how|check|where|show|about', 'look up');
/** Why a run ended as it did: its status tells. */
const failure = phrases(
  `why … fail|failed|failing|crash|crashed|die|died|stop|stopped|break|broke|wrong|error|abort|aborted|red`,
  'what|where … wrong',
  'what is|was the error|problem|issue|reason|matter',
  'what happened|broke|failed|crashed',
  'reason for|it|why',
  'error message',
);
const changesRun = phrases('cancel|stop|abort|kill|terminate|halt|retry|resume|rerun|re-run|restart');

const compares = phrases(
  'compare|diff|differ|differs|difference|differences|versus|vs|different',
  'which|what … better|best|worse|faster|won|winner',
  'what changed',
  'side by side',
  'better|worse than',
);
const severalRuns = phrases(
  'runs|pipelines|jobs|attempts|experiments|trainings',
  'which run|pipeline|job',
  'this|the|my|our|last|latest|current run|pipeline|job … with|from|to|than|and|vs|versus',
);

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
  const compared = comparison(message);
  if (compared !== undefined) return compared;
  const isQuestion = asks.begin(said);
  if (isQuestion && asksStatus(message)) return action('get_status', args);
  const aboutRun = id !== undefined || tasks.length === 0;
  if (tryAgain.in(said) || (aboutRun && retry.in(said))) return action('retry', args);
  if (asksStatus(message)) return action('get_status', args);
  if (!asksCancel(message)) return isRunId(id) && tasks.length === 0 ? action('get_status', args) : undefined;
  if (id === undefined && context.missing.length > 0 && !context.submitted) return { type: 'forget' };
  return action('cancel', args);
}

/** "compare the last two runs", "how does this run differ from pipeline_a". */
function comparison({ said, ids }: Message): Command | undefined {
  const named = ids.filter(isRunId);
  if (!compares.in(said) || !(named.length > 1 || severalRuns.in(said))) return undefined;
  return { type: 'action', name: 'compare_runs', args: named.length > 0 ? { ids: named } : {} };
}

function isRunId(id: string | undefined): boolean {
  return id !== undefined && /^(pipeline|task|run|pl|attempt)_/.test(id);
}

function asksStatus({ said, id, tasks }: Message): boolean {
  if (status.in(said) || (id !== undefined && statusOfId.in(said) && !changesRun.in(said))) return true;
  return failure.in(said) && (tasks.length === 0 || id !== undefined || /\bwhy\b/.test(said)) && !changesRun.in(said);
}

/** "stop it", "kill the job", "cancel pl_1"; but "stop before evaluating" speaks of a plan. */
function asksCancel({ said, id }: Message): boolean {
  const rest = cancel.after(said) ?? (id === undefined ? undefined : ending.after(said));
  if (rest === undefined) return false;
  return id !== undefined || rest === '' || theRun.make(rest) || aRun.in(rest);
}

export function action(name: string, args: Record<string, string>): Command {
  return { type: 'action', name, args };
}
