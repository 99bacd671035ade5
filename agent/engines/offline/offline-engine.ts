/** The built-in engine: no network, deterministic. It is what a fresh machine without a key uses. */
import type { Command } from '../../commands.ts';
import type { Context, Engine, EngineWorld } from '../engine.ts';
import { withoutAsides } from './asides.ts';
import { readClauses } from './clauses/read-clauses.ts';
import { readItems } from './items.ts';
import { readTokens } from './lexer.ts';
import { createLexicon } from './lexicon.ts';
import { ownWords } from './own-words.ts';
import { toCommands } from './proposals/to-commands.ts';
import { readRequest } from './requests/read-request.ts';
import { restart } from './requests/restart.ts';
import { readTaskFacts } from './task-facts.ts';
import { foldValues } from './values.ts';
import { viewPlan } from './variants/plan-view.ts';
import { readVariants } from './variants/read-variants.ts';

/**
 * Letters become tokens, tokens become items with a meaning, numbers find their inputs, pieces become clauses
 * (one a step), and clauses become commands in the light of the plan and the open question.
 */
export function createOfflineEngine({ catalogue, names }: EngineWorld): Engine {
  const lexicon = createLexicon(catalogue);
  const facts = readTaskFacts(catalogue);

  /** "forget that, quantize phi-2" begins anew; "drop that one" and "scratch that, 3 epochs" go on with the plan. */
  function read(text: string, context: Context): Command[] {
    const anew = context.plan.length > 0 ? restart(text) : undefined;
    if (anew === undefined) return readOne(text, context);
    const commands = anew === '' ? [] : readOne(anew, { ...context, plan: [], missing: [] });
    const begins = commands.every(({ type }) => type === 'run' || type === 'action');
    return begins ? [{ type: 'forget' }, ...commands] : readOne(text, context);
  }

  function readOne(text: string, context: Context): Command[] {
    const own = ownWords(text);
    const pieces = foldValues(readItems(readTokens(own), names, lexicon));
    const request = readRequest(own, pieces, context, catalogue);
    if (request !== undefined) return [request];
    const planned = new Set(context.plan.map(({ task }) => task));
    const asked = new Set(context.missing.map(({ input }) => input));
    const view = viewPlan(context, names);
    const variants = readVariants(withoutAsides(pieces), view);
    const reading = readClauses(variants.pieces, { facts, planned, asked });
    return toCommands({ reading, pieces: variants.pieces, variants, view, facts }, context);
  }

  return {
    understand: async (text, context) => ({ commands: read(text, context), engine: 'offline', warnings: [] }),
  };
}
