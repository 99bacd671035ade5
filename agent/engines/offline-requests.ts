import type { Catalogue } from '../../src/core/task.ts';
import type { Command } from '../commands.ts';
import type { Context } from './engine.ts';
import type { Piece } from './offline-values.ts';

const runWords = `(?:it|that|this|everything|all|(?:the |my |our |this |that |last |latest |current |whole )*(?:run|runs|pipeline|job|task|training|finetuning|process|execution|experiment|one|steps?)s?)`;

const typeWords: readonly [RegExp, string][] = [
  [/\bmacro[ -]?tasks?\b/, 'MACROTASK'],
  [/\bmicro[ -]?services?\b|\bmicro[ -]?tasks?\b/, 'MICROSERVICE'],
  [/\bmanagerial\b|\badmin(istrative)?\b/, 'MANAGERIAL'],
  [/\bpipeline tasks?\b|\btasks of type pipeline\b/, 'PIPELINE'],
];

/** Requests that are no plan: administration, approval, small talk. Undefined where it is none of them. */
export function readRequest(
  text: string,
  pieces: readonly Piece[],
  context: Context,
  catalogue: Catalogue,
): Command | undefined {
  const said = text.toLowerCase().replace(/[’‘]/g, "'").replace(/\s+/g, ' ').trim();
  const id = pieces.find((piece) => piece.k === 'id')?.text;
  const planned = pieces.some(
    (piece) => piece.k === 'name' || piece.k === 'path' || piece.k === 'value' || piece.k === 'hub',
  );
  return (
    readArtifact(said, pieces, id) ??
    readRunRequest(said, id, planned, pieces, context) ??
    readInformation(said, pieces, planned, catalogue) ??
    readConsent(said, planned, context) ??
    readTalk(said, pieces, planned)
  );
}

function action(name: string, args: Record<string, string>): Command {
  return { type: 'action', name, args };
}

function readArtifact(said: string, pieces: readonly Piece[], id: string | undefined): Command | undefined {
  const path = pieces.find((piece) => piece.k === 'path')?.text;
  if (/\bupload\b/.test(said) && path !== undefined) return action('upload_artifact', { path });
  if (
    /\b(download|export|fetch|get|save|give me)\b/.test(said) &&
    id !== undefined &&
    /^(model|ds|lora|report|env|cfg)_/.test(id)
  ) {
    return action('download_artifact', { id });
  }
  return undefined;
}

function readRunRequest(
  said: string,
  id: string | undefined,
  planned: boolean,
  pieces: readonly Piece[],
  context: Context,
): Command | undefined {
  const args: Record<string, string> = id === undefined ? {} : { id };
  const steps = pieces.some((piece) => piece.k === 'task');
  if (/\blogs?\b|\bstderr\b|\bstdout\b|\bconsole output\b|\btraceback\b/.test(said) && !planned)
    return action('get_logs', args);
  if (isStatus(said, id !== undefined) && !planned) return action('get_status', args);
  if (planned) return undefined;
  const whole = `(?: ${runWords})?(?: please| now| right now| immediately| at once| already)*[.!?]*$`;
  if (
    /\b(?:retry|re-?try|re-?run|resume|restart|try again|run (?:it|that) again|continue|pick up where)\b/.test(said)
  ) {
    if (id !== undefined || !steps) return action('retry', args);
  }
  if (/\btry\b.*\bagain\b/.test(said)) return action('retry', args);
  if (
    new RegExp(
      String.raw`\b(?:cancel|stop|abort|kill|terminate|halt|end)\b(?:.*${id ?? '\u0000'}|${whole}|.*\b(?:run|pipeline|job|running|training|task)\b)`,
    ).test(said)
  ) {
    if (id === undefined && context.missing.length > 0 && !context.submitted) return { type: 'forget' };
    if (!steps || id !== undefined || /\b(run|pipeline|job|training|it)\b/.test(said)) return action('cancel', args);
  }
  return undefined;
}

function isStatus(said: string, hasId: boolean): boolean {
  return (
    /\bstatus\b|\bprogress\b|\bhow far\b|\bare we there\b|\bhow('s| is| are| was| did).*\b(run|runs|pipeline|job|training|task|finetuning|it|things?|everything|that)\b.*\b(going|doing|coming|progressing|getting on|looking|go|along)\b/.test(
      said,
    ) ||
    /\b(is|has|did|are)\b.*\b(it|run|pipeline|job|training|task|finetuning|evaluation|quantization|that)\b.*\b(done|finished|finish|ready|complete|completed|running|failed|fail|succeeded|over|started|crashed?|through|still)\b/.test(
      said,
    ) ||
    /\bwhat('s| is) (happening|running|going on)\b|\bstate of\b|\bany (news|updates?)\b|\bhow (much longer|long until|long till|long does it still|long will)\b|\bwhen will (it|my|the).*\b(done|finish|ready|complete)\b|\beta\b|\bwhere are we\b|\bupdate on\b/.test(
      said,
    ) ||
    (hasId && /\b(done|finished|ready|running|complete|completed|failed|over)\b/.test(said)) ||
    /\bhow (the|my|our|that|this) (\w+ )?(run|pipeline|job|training|finetuning|task)s? (is|are)\b/.test(said) ||
    (hasId &&
      /\b(how|check|where|what about|look up|show|about)\b/.test(said) &&
      !/\b(cancel|stop|retry|kill|abort|download)\b/.test(said))
  );
}

function readInformation(
  said: string,
  pieces: readonly Piece[],
  planned: boolean,
  catalogue: Catalogue,
): Command | undefined {
  const filter = typeWords.find(([pattern]) => pattern.test(said))?.[1];
  const asks =
    /\b(what|which|list|show|all|available|have|see|tell|give|name|display|print|how many|enumerate|any)\b/.test(said);
  const many =
    /\b(tasks|operations|commands|capabilities|things|actions|steps|services|microservices|macrotasks|jobs can|task types?|functions|catalogue|catalog)\b/.test(
      said,
    );
  if (!planned && ((asks && filter !== undefined) || filter !== undefined) && !/\bhow does|what is a\b/.test(said))
    return action('list_tasks', { filter_type: filter });
  const mentioned = mentionedTask(said, pieces, catalogue);
  const about =
    /\b(describe|explain|info|information|details?|documentation|docs|help with|inputs?|outputs?|parameters?|params|arguments?|args|options|settings|schema|fields|signature)\b/.test(
      said,
    ) ||
    /\b(what|how) (does|do|is|are|can|would)\b|\bwhat's\b|\btell me (more )?about\b|\bwhat('s| is)\b|\bhow (do|can|should) (i|you|we) use\b/.test(
      said,
    );
  if (
    !planned &&
    mentioned !== undefined &&
    about &&
    !/\b(it|them|its|my|accuracy|performance|after|before|then|and then)\b/.test(said)
  ) {
    return action('get_task_info', { task_name: mentioned });
  }
  if (!planned && mentioned === undefined && asks && many) return action('list_tasks', {});
  if (
    /\bwhat (can|could|do) you (do|offer|support)\b|\bwhat (is|are) (possible|supported|available)\b|\bwhat can i (do|ask|run)\b|\bwhat do you (do|support|know)\b/.test(
      said,
    )
  )
    return action('list_tasks', {});
  return undefined;
}

function mentionedTask(said: string, pieces: readonly Piece[], catalogue: Catalogue): string | undefined {
  const named = [...catalogue.keys()].find((name) => new RegExp(String.raw`\b${name}\b`).test(said));
  const tasks = [...new Set(pieces.flatMap((piece) => (piece.k === 'task' ? [piece.task] : [])))];
  if (named !== undefined && (tasks.length === 0 || tasks.includes(named))) return named;
  return tasks.length === 1 ? tasks[0] : undefined;
}

function readConsent(said: string, planned: boolean, context: Context): Command | undefined {
  if (planned || context.plan.length === 0) return undefined;
  const bare = said.replace(/[.!,]/g, ' ').replace(/\s+/g, ' ').trim();
  if (
    /^(no |ok |okay )?(never ?mind|forget (it|that|about it|everything)|start over|reset|scrap (it|that|the plan)|drop (it|that|the plan)|discard( it| that)?|clear( everything)?|from the beginning|let's start over|no forget it)( please)?$/.test(
      bare,
    )
  ) {
    return { type: 'forget' };
  }
  if (
    /^(yes|yep|yeah|yup|ok|okay|sure|go|approve|approved|confirm|confirmed|do it|run it|start|start it|submit|submit it|launch|launch it|execute|execute it|go ahead|sounds good|looks good|lgtm|perfect|great|ship it|proceed|fine|alright|please do|run|run the (plan|pipeline)|start the (plan|pipeline|run)|let's go|make it so)( (please|now|go ahead|do it|run it|start it|go|then|thanks|start|looks good|sounds good|let's go))*$/.test(
      bare,
    )
  ) {
    return { type: 'approve' };
  }
  if (/\b(show|what is|what's|display|print|repeat|see)\b.*\b(plan|pipeline|graph)\b/.test(bare))
    return { type: 'show' };
  return undefined;
}

const injection =
  /\b(ignore|disregard|forget|override|bypass)\b.*\b(previous|prior|above|all|earlier|your|the)\b.*\b(instructions?|rules?|prompts?|guidelines?|directions?)\b|\bsystem prompt\b|\bjailbreak\b|\bsudo\b|\brm -rf\b|\bcurl\b.*\|\s*(ba)?sh\b|\bpython3? -c\b|\b(pip|apt|apt-get|npm) install\b|\bimport os\b|\bchmod\b|\bwget\b|\bshell command\b|\bbash -c\b|\bapi[ _-]?key\b|\/etc\/(passwd|shadow)|\b(docker|container)\b.*\b(mount|privileged|image)\b|\b--privileged\b|\bos\.system\b|\bsubprocess\b|\beval\(|\bexec\(/;

const outOfScope =
  /\b(deploy|kubernetes|k8s|serve|host|weather|forecast|email|e-mail|tweet|poem|joke|recipe|translate|summari[sz]e (this|the|my)|book (a|me)|flight|stock|bitcoin|news today|football|restaurant|capital of|who (is|was) the|president|song|lyrics|write (me )?(a|an|some) (poem|story|essay|email|song|function|script|code)|play (a|some)|order (a|me)|buy|invoice|dashboard|slack message|delete (all|the|my) (files?|models?|data\b|everything|disk|database)|format (the|my) (disk|drive)|push (it )?to (the )?hub|publish|scrape|crawl|hack)\b/;

function readTalk(said: string, pieces: readonly Piece[], planned: boolean): Command | undefined {
  const talk = (topic: 'greeting' | 'thanks' | 'help' | 'out_of_scope', text = ''): Command => ({
    type: 'talk',
    topic,
    text,
  });
  const steps = pieces.some((piece) => piece.k === 'task');
  if (injection.test(said) && !(steps && planned)) return talk('out_of_scope', 'command');
  if (outOfScope.test(said) && !steps) return talk('out_of_scope');
  if (planned || steps) return undefined;
  if (
    /^(hi|hello|hey|hiya|howdy|good (morning|afternoon|evening|day)|greetings|yo|sup|hallo|moin)\b/.test(said) &&
    said.length < 40
  )
    return talk('greeting');
  if (
    /\b(thanks|thank you|thx|cheers|great job|well done|nice work|awesome|good job|bye|goodbye|see you)\b/.test(said) &&
    said.length < 60
  )
    return talk('thanks');
  if (
    /\bhow are you\b|\bhow's it going\b|\bwhat's up\b|\bwho are you\b|\bare you (a |an )?(bot|ai|human|real)\b|\byour name\b/.test(
      said,
    )
  )
    return talk('greeting');
  if (/^(help|help me|\?+)[.!?]*$|\bhow do (i|you) (start|begin|use (this|it))\b|\bget started\b|\bhelp\b/.test(said))
    return talk('help');
  return undefined;
}
