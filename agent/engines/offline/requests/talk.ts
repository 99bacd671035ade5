/** Small talk, calls for help, and what Trainyard does not do. */
import type { Command, CommandOf } from '../../../commands.ts';
import { phrases } from './phrases.ts';
import type { Message } from './read-request.ts';

/** Attempts to reach a shell, a container's settings, or the instructions of a model. */
const injection = phrases(
  'ignore|disregard|forget|override|bypass … previous|prior|above|all|earlier|your|the … instruction|instructions',
  'ignore|disregard|forget|override|bypass … previous|prior|above|all|earlier|your|the … rule|rules|prompt|prompts',
  'ignore|disregard|forget|override|bypass … previous|prior|above|all|earlier|your|the … guidelines|directions',
  'system prompt',
  'jailbreak|api-key|api_key|sudo|chmod|wget|os.system|subprocess|eval(|exec(|--privileged|/etc/passwd|/etc/shadow',
  'rm -rf',
  'curl … sh|bash',
  'python|python3|bash -c',
  'pip|apt|apt-get|npm install',
  'import os',
  'shell command',
  'api key',
  'docker|container … mount|privileged|image',
);

const elsewhere = phrases(
  'deploy|kubernetes|k8s|serve|host|publish|scrape|crawl|hack|dashboard',
  'weather|forecast|email|e-mail|tweet|poem|joke|recipe|translate|flight|stock|bitcoin|football|restaurant',
  'song|lyrics|buy|invoice',
  'news today',
  'slack message',
  'capital of',
  'who is|was the',
  'book|order|play a|me|some',
  'summarize|summarise this|the|my',
  'write … story|essay|function|script|code',
  'delete all|the|my … file|files|model|models|data|everything|disk|database',
  'format the|my disk|drive',
  'push … to hub',
  'push … to the hub',
);

const greets = phrases('hi|hello|hey|hiya|howdy|greetings|yo|sup|hallo|moin', 'good morning|afternoon|evening|day');
const thanks = phrases(
  'thanks|thx|cheers|awesome|bye|goodbye',
  'thank|see you',
  'great|good job',
  'nice work',
  'well done',
);
const asksAboutMe = phrases(
  'how are you',
  'how is it going',
  'what is up',
  'who are you',
  'are you … bot|ai|human|real',
  'your name',
);
const help = phrases('help', 'get started', 'how do i|you start|begin', 'how do i|you use this|it');

const names = phrases(
  'what|which datasets|dataset|data|models|model … available|know|known|have|support|supported|offer|use|there|exist',
  'list|show … available|known|supported|all|the|your models|datasets',
);

export function readTalk({ said, tasks, plans }: Message): Command | undefined {
  const steps = tasks.length > 0;
  if (injection.in(said) && !(steps && plans)) return talk('out_of_scope');
  if (elsewhere.in(said) && !steps) return talk('out_of_scope');
  if (plans || steps) return undefined;
  if (greets.begin(said) && said.length < 40) return talk('greeting');
  if (thanks.in(said) && said.length < 60) return talk('thanks');
  if (asksAboutMe.in(said)) return talk('greeting');
  return help.in(said) || names.in(said) || /^\?+$/.test(said) ? talk('help') : undefined;
}

function talk(topic: CommandOf<'talk'>['topic']): Command {
  return { type: 'talk', topic, text: '' };
}
