/** What is said to a plan as a whole: start it, forget it, show it, take its last step out. */
import type { Command } from '../../../commands.ts';
import { phrases } from './phrases.ts';
import type { Message } from './read-request.ts';

const courtesy = ['please|pls|now|then|thanks|ok|okay|no|just|so|and|the|lets|we|can|for|me|it|that|this', "let's"];
const forgets = [
  'nevermind|reset|discard|clear',
  'never mind',
  'forget|scrap|drop|discard|clear it|that|everything',
  'forget about it|that',
  'scrap|drop|discard the plan',
  "let's start over",
  'start over',
  'from the beginning',
  "don't|dont run|start|submit|do|execute|launch it|that|this|anything",
  'do not run|start|submit|execute|launch it|that|this|anything',
  "don't|dont run|start|submit|execute|launch",
  'do not run|start|submit|execute|launch',
  "don't|dont|nah|nope",
  'reject|rejected|decline|denied',
  'cancel|stop|drop|scrap|reject|discard|bin|trash|kill|abort|forget the|that|this plan',
  'throw it|that away',
  'forget about the|this|that plan',
];
/** The plan stays, and does not start. */
const waits = phrases('hold on|off', 'not yet', 'wait|waiting|later', 'moment|second|sec|minute');
const approves = [
  'yes|yep|yeah|yup|ok|okay|sure|go|approve|approved|confirm|confirmed|proceed|fine|alright|lgtm|perfect|great|absolutely|definitely|correct|exactly|y',
  'start|submit|launch|execute|run',
  'do|run|start|submit|launch|execute|ship it',
  'run|start|submit|launch|execute the|this|that|my plan|pipeline|run|thing|job',
  'kick it|that|this off',
  'fire away|it|up',
  'good to go',
  "let's|lets do|run|start|go it|that|this",
  'i approve',
  'that is fine|good|great|ok|okay|right|perfect|it',
  'go for|on|with it|that',
  'be my guest',
  'start|begin|do it|that … now|please',
  'go ahead',
  'sounds|looks good',
  'please do',
  "let's go",
  'make it so',
];
const forgetful = { said: phrases(...forgets), only: phrases(...forgets, ...courtesy) };
const approving = { said: phrases(...approves), only: phrases(...approves, ...courtesy) };
const waitsOnly = phrases(
  'hold on|off',
  'not yet',
  'wait|waiting|later',
  'one moment|second|sec',
  'give me a|one moment|second|sec|minute',
  'a bit|moment|second|minute|little',
  ...courtesy,
);
const waiting: Command = { type: 'talk', topic: 'answer', text: 'It waits. Say "go" to start it.' };
const shows = phrases('show|display|print|repeat|see … plan|pipeline|graph', 'what is … plan|pipeline|graph');
const dropsLast = phrases('drop|remove|skip|delete|undo|cut|without … last step|one|task|node|part');

/** A message that says nothing else, and only where there is a plan. */
export function readConsent({ said, plans, context }: Message): Command | undefined {
  if (plans || context.plan.length === 0) return undefined;
  const bare = said.replace(/[.!,]/g, ' ').replace(/\s+/g, ' ').trim();
  if (!context.submitted && context.missing.length === 0 && /^no+(?: (?:thanks|thank you))?$/.test(bare)) {
    return { type: 'forget' };
  }
  if (forgetful.said.in(bare) && forgetful.only.make(bare)) return { type: 'forget' };
  if (approving.said.in(bare) && approving.only.make(bare)) return { type: 'approve' };
  if (context.missing.length === 0 && waits.in(bare) && waitsOnly.make(bare)) return waiting;
  const last = context.plan.at(-1)?.task;
  if (dropsLast.in(bare) && last !== undefined) return { type: 'drop', tasks: [last] };
  return shows.in(bare) ? { type: 'show' } : undefined;
}
