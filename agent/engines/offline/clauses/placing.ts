/** Where a step goes among those told before it. */
import type { TaskForm } from '../vocabulary/task-words.ts';
import type { Clause } from './clause.ts';
import { isModel, type Order, type Parse, peek, says } from './parse.ts';

/** How many pieces behind a word of order its step may stand. */
export const leadReach = 6;

export function takeOrder(parse: Parse, form: TaskForm): Order | undefined {
  const { lead } = parse;
  parse.lead = undefined;
  const before = peek(parse, -1);
  // "a quantized phi-2 that was finetuned on dolly": the earlier step is told last.
  if (form === 'done' && before?.k === 'word' && /^(was|were|been)$/i.test(before.text)) return 'after';
  // "evaluate it after finetuning gpt2 and quantizing it"
  const { current } = parse;
  const continues = current?.form === 'ing' && current.cues.has('told_late');
  if (form === 'ing' && continues && says(parse, -1, 'and')) return 'within';
  // "quantize a phi-2 finetuned on dolly"
  if (form === 'done' && isModel(before) && parse.current !== undefined) return 'earlier';
  return lead !== undefined && parse.at - lead.at <= leadReach ? lead.order : undefined;
}

/** "evaluate it after finetuning and quantizing it": what the last of them made. */
export function handOn({ clauses }: Parse, from: string, to: string): void {
  for (const clause of clauses) {
    clause.from = clause.from.map((reference) => (reference === `after:${from}` ? `after:${to}` : reference));
  }
}

/** Where a step goes that is told after those that follow it; -1 where it is in its place already. */
export function placeOf({ clauses, current, facts, newSentence }: Parse, order: Order | undefined): number {
  const spoken = current === undefined ? -1 : clauses.indexOf(current);
  if (order === 'first') return clauses.findIndex(({ task }) => facts.takesModel(task));
  if (order === 'earlier') return spoken;
  if (order === 'within') return spoken + 1;
  const isPlaced = order === 'after' || order === 'before';
  return isPlaced && !newSentence ? spoken : -1;
}

/** "finetuned on squad first": before all other steps. */
export function moveToFront(parse: Parse, clause: Clause): void {
  const at = parse.clauses.indexOf(clause);
  const front = placeOf(parse, 'first');
  if (at <= front || front < 0) return;
  parse.clauses.splice(at, 1);
  parse.clauses.splice(front, 0, clause);
  clause.cues.add('told_late');
}
