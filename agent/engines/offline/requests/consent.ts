/** What is said to a plan as a whole: start it, forget it, show it, take its last step out. */
import type { Command } from '../../../commands.ts';
import { phrases } from './phrases.ts';
import type { Message } from './read-request.ts';

const courtesy = ['please|now|then|thanks|ok|okay|no'];
const forgets = [
  'nevermind|reset|discard|clear',
  'never mind',
  'forget|scrap|drop|discard|clear it|that|everything',
  'forget about it|that',
  'scrap|drop|discard the plan',
  "let's start over",
  'start over',
  'from the beginning',
];
const approves = [
  'yes|yep|yeah|yup|ok|okay|sure|go|approve|approved|confirm|confirmed|proceed|fine|alright|lgtm|perfect|great',
  'start|submit|launch|execute|run',
  'do|run|start|submit|launch|execute|ship it',
  'run|start the plan|pipeline|run',
  'go ahead',
  'sounds|looks good',
  'please do',
  "let's go",
  'make it so',
];
const forgetful = { said: phrases(...forgets), only: phrases(...forgets, ...courtesy) };
const approving = { said: phrases(...approves), only: phrases(...approves, ...courtesy) };
const shows = phrases('show|display|print|repeat|see … plan|pipeline|graph', 'what is … plan|pipeline|graph');
const dropsLast = phrases('drop|remove|skip|delete|undo|cut|without … last step|one|task|node|part');

/** A message that says nothing else, and only where there is a plan. */
export function readConsent({ said, plans, context }: Message): Command | undefined {
  if (plans || context.plan.length === 0) return undefined;
  const bare = said.replace(/[.!,]/g, ' ').replace(/\s+/g, ' ').trim();
  if (forgetful.said.in(bare) && forgetful.only.make(bare)) return { type: 'forget' };
  if (approving.said.in(bare) && approving.only.make(bare)) return { type: 'approve' };
  const last = context.plan.at(-1)?.task;
  if (dropsLast.in(bare) && last !== undefined) return { type: 'drop', tasks: [last] };
  return shows.in(bare) ? { type: 'show' } : undefined;
}
