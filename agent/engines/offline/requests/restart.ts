/** "forget it, quantize phi-2": a new beginning. */
const beginning = new RegExp(
  String.raw`^\s*(?:(?:no|ok|okay|actually|hmm?|well|wait|sorry)[,.]? )*(?:${[
    '(?:forget|scrap|drop|ditch|discard|scratch|bin) (?:about )?(?:it|that|this|everything|all (?:of )?(?:that|this|it)|(?:the|that|this) (?:whole )?(?:plan|job|pipeline|thing))(?: all)?',
    'never ?mind(?: (?:that|all that|it|the rest))?(?=[\\s]*(?:[,.;:!-]|$))',
    "(?:let'?s |please )?(?:start (?:over|again|fresh|from scratch|anew|afresh)|begin again|reset)",
    '(?:a )?(?:totally |completely )?(?:new|different|another) (?:job|task|plan|pipeline|topic|request|thing|one|idea|question)',
    "(?:let'?s )?(?:do )?something (?:else|different|new|completely different)",
    'change of plans?',
  ].join('|')})(?: (?:please|now|then|again|instead|altogether|completely))*(?:[\s,.;:!-]+|$)`,
  'i',
);

/** What is wanted instead of the plan, or undefined where the message goes on with it. */
export function restart(text: string): string | undefined {
  let rest = text;
  while (beginning.test(rest)) rest = rest.replace(beginning, '');
  rest = rest.replace(/^(?:and|then|instead)\s/i, '').trimEnd();
  return beginning.test(text) ? rest : undefined;
}
