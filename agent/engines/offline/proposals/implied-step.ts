/** A step that a value alone asks for: "and then int4", where nothing in the plan quantizes. */
import type { Context } from '../../engine.ts';
import { newClause, type Reading } from '../clauses/clause.ts';
import type { TaskFacts } from '../task-facts.ts';
import type { Piece } from '../values.ts';

/** Which step an input asks for. */
const askedBy: Record<string, string> = { bits: 'ptq', method: 'ptq', metrics: 'evaluate' };

export function withImpliedStep(
  reading: Reading,
  pieces: readonly Piece[],
  { plan, missing }: Context,
  facts: TaskFacts,
): Reading {
  const { loose, clauses } = reading;
  const adapter = reading.paths.find((path) => /adapter|lora/i.test(path));
  if (
    adapter !== undefined &&
    clauses.length === 0 &&
    plan.length > 0 &&
    missing.length === 0 &&
    facts.has('load_lora')
  ) {
    const step = { ...newClause('load_lora', 'implied'), settings: new Map([['lora_path', [adapter]]]) };
    return { ...reading, paths: reading.paths.filter((path) => path !== adapter), clauses: [step] };
  }
  const [input, task] = Object.entries(askedBy).find(([name]) => loose.settings.has(name)) ?? [];
  if (input === undefined || task === undefined || plan.length === 0 || missing.length > 0) return reading;
  const takers = [...plan, ...clauses].filter((step) => facts.takes(step.task, input));
  if (takers.length > 0 || !facts.has(task)) return reading;
  const settings = new Map([...loose.settings].filter(([name]) => facts.takes(task, name) && askedBy[name] === task));
  const step = { ...newClause(task, 'implied'), settings };
  const rest = new Map([...loose.settings].filter(([name]) => !settings.has(name)));
  const isFirst =
    pieces.findIndex((piece) => piece.k === 'value' && piece.field === input) <
    pieces.findIndex((piece) => piece.k === 'task');
  return {
    ...reading,
    loose: { ...loose, settings: rest },
    clauses: isFirst ? [step, ...clauses] : [...clauses, step],
  };
}
