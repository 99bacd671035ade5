/** Requests about runs and what they leave: logs, status, comparison, retry, cancel, upload, download. */
import type { Command } from '../../../commands.ts';
import { cancelWords, type Mood, moodOf, retryWords } from './orders.ts';
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
  'please|pls|plz|now|immediately|already|right|at|once|asap|.|!|?|,',
  'for me',
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
  'what is|are running|left|remaining|pending|queued',
  'what runs|remains',
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

const againstLast = phrases(
  'it|this|that|them with|to|and|against the last|previous|other|first|earlier|one|ones|before',
);

export function readArtifactRequest({ said, id, path }: Message): Command | undefined {
  if (upload.in(said) && path !== undefined) return action('upload_artifact', { path });
  const isResource = id !== undefined && /^(model|ds|lora|report|env|cfg)_/.test(id);
  return isResource && download.in(said) ? action('download_artifact', { id }) : undefined;
}

export function readRunRequest(message: Message): Command | undefined {
  const { said, id, tasks, plans } = message;
  if (plans) return undefined;
  const args: Record<string, string> = id === undefined ? {} : { id };
  if (logs.in(said)) return action('get_logs', args);
  const compared = comparison(message);
  if (compared !== undefined) return compared;
  const isQuestion = asks.begin(said);
  if (isQuestion && asksStatus(message)) return action('get_status', args);
  const again = readRetry(message, args);
  if (again !== undefined) return again;
  if (asksStatus(message)) return action('get_status', args);
  const stops = cancelWords.test(said) && !/^\W*(?:cancel|stop|kill)\b/.test(said) && asksWhetherEnded.test(said);
  if (stops && tasks.length === 0) return action('get_status', args);
  if (asksCancel(message)) return readCancel(message, args);
  return isRunId(id) && tasks.length === 0 ? action('get_status', args) : undefined;
}

function readRetry(message: Message, args: Record<string, string>): Command | undefined {
  const { said, id, tasks, context } = message;
  const aboutRun = id !== undefined || tasks.length === 0;
  const isFresh = aboutRun && afresh.test(said);
  if (isFresh && context.submitted && reusesNothing.test(said)) return action('retry', { ...args, fresh: true });
  if (saysAgain.test(said) || !(tryAgain.in(said) || (aboutRun && retry.in(said)))) return undefined;
  const mood = moodOf(said, retryWords) ?? 'order';
  if (mood !== 'order') return unordered('retry', message, mood);
  return vague.test(said) ? askValue : action('retry', isFresh ? { ...args, fresh: true } : args);
}

function readCancel(message: Message, args: Record<string, string>): Command | undefined {
  const { said, id, context } = message;
  const mood = moodOf(said, cancelWords) ?? 'order';
  if (mood !== 'order') return unordered('cancel', message, mood);
  if (id === undefined && context.missing.length > 0 && !context.submitted) return { type: 'forget' };
  return action('cancel', args);
}

/** Every step is to run anew, whatever an earlier run has of it. */
const afresh =
  /\b(?:from scratch|afresh|anew|from the (?:start|beginning)|without (?:re-?us\w*|(?:the |any )?cach\w*)|no cach\w*|ignor\w* (?:the |any |all )*(?:earlier|previous|cached|old) \w+|(?:not|never) re-?us\w*|force)\b|n't re-?us/;
/** Said of a run that has been started, this alone asks for another one. */
const reusesNothing =
  /^(?:please )?(?:do not|don't|never) re-?use\b|\b(?:run|do|start) (?:it|this|that|everything|all)\b.*\bagain\b/;
/** "can you try to explain it again" restarts nothing. */
const saysAgain = /\btry (?:again )?to (?:explain|tell|describe|say|show|answer|understand|help|write|rephrase|be)\b/;
/** "with a smaller batch size" names no value. */
const vague =
  /\b(?:with|using|but) .*\b(?:smaller|larger|bigger|lower|higher|fewer|more|less|different|other|another)\b/;
const askValue: Command = {
  type: 'talk',
  topic: 'answer',
  text: 'With which value? Say for example "retry with batch size 2".',
};
/** "why did it stop?", "will it stop?": its status tells. */
const asksWhetherEnded =
  /\b(?:why|when|did|has|does|will|would|is|was)\b(?:(?!\b(?:i|we|if|not|you)\b|n't\b).)*\b(?:stop|abort|terminate|halt|end)\b\s*(?:$|[?.!]|(?:by|on|at|so|itself|early|again|now|yet|running|training)\b)/;

/** A word for an action without an order for it has no effect. */
function unordered(name: string, { tasks, id }: Message, mood: Mood): Command | undefined {
  if (mood === 'question') return action('get_task_info', { task_name: name });
  return tasks.length > 0 && id === undefined && name === 'cancel'
    ? undefined
    : { type: 'talk', topic: 'unclear', text: '' };
}

/** "compare the last two runs", "how does this run differ from pipeline_a". */
function comparison({ said, ids }: Message): Command | undefined {
  const named = ids.filter(isRunId);
  if (!compares.in(said) || !(named.length > 1 || severalRuns.in(said) || comparesOne(said, named))) return undefined;
  return { type: 'action', name: 'compare_runs', args: named.length > 0 ? { ids: named } : {} };
}

/** "compare pipeline_a", "compare it with the last one". */
function comparesOne(said: string, named: readonly string[]): boolean {
  if (!/\b(?:compare|diff)\b/.test(said)) return false;
  return named.length > 0 || againstLast.in(said);
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

export function action(name: string, args: Record<string, string | boolean>): Command {
  return { type: 'action', name, args };
}
