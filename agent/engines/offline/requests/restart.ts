/** "forget it, quantize phi-2": a new beginning. */
const beginning =
  /^\s*(?:(?:no|ok|actually),? )?(?:forget (?:about )?(?:it|that)|never ?mind|scrap (?:it|that)|start over)\b[\s,.;:!-]+/i;

/** What is wanted instead of the plan, or undefined where the message goes on with it. */
export function restart(text: string): string | undefined {
  const rest = text
    .replace(beginning, '')
    .replace(/^(?:and|then|instead)\s/i, '')
    .trimEnd();
  return beginning.test(text) && rest.length > 3 ? rest : undefined;
}
