/** Words without which a model's word is not taken for something that has an effect. */

/** What a message says for this command or action, as whole words; what is not listed needs none. */
const words: Record<string, RegExp> = {
  cancel: /\b(?:cancel|stop|abort|kill|halt|terminate|quit|interrupt)\b/,
  retry: /\b(?:retry|re-?run|again|resume|restart|continue|once more|pick up|go on)\b/,
  get_logs: /\b(?:logs?|output|stderr|stdout|traceback|print(?:ed)?|console)\b/,
  get_status: /\b(?:status|state|how|progress|done|finished|running|news|eta|why|wrong|fail(?:ed)?|what|is)\b/,
  compare_runs: /\b(?:compare|comparison|differ(?:s|ent|ence)?|versus|vs|better|worse|side by side|against)\b/,
  upload_artifact: /\b(?:upload|store|put|add)\b/,
  download_artifact: /\b(?:download|get|fetch|export|save|give|pull)\b/,
  approve:
    /^\W*(?:yes|yep|yeah|ok|okay|sure|go|start|run|approved?|confirm(?:ed)?|lgtm|fine)\b|\b(?:go ahead|start it|run it|do it|ship it)\b/,
  forget: /\b(?:forget|drop|discard|cancel|reset|scrap|never ?mind|start over|clear|stop|don't (?:run|start))\b/,
  drop: /\b(?:drop|remove|without|skip|no|not|leave|delete|only|just|exclude|minus|cut)\b|n't\b/,
};

/** A question about an effect, and a wish against it, ask for none. */
const asksOrDenies = /\b(?:don't|do not|never|should i|can i|how do i|what happens|why|did it|does it|when)\b/;
const hasEffect = new Set(['cancel', 'retry', 'approve', 'forget']);

/** Whether a message, given in its author's own words, speaks of this command or action. */
export function hasEvidence(of: string, message: string): boolean {
  const listed = words[of];
  if (listed === undefined) return true;
  const text = message.toLowerCase().replace(/[’‘]/g, "'");
  const isWish = !hasEffect.has(of) || of === 'forget' || !asksOrDenies.test(text);
  return isWish && listed.test(text);
}
