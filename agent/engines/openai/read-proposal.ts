/** From what a model wrote to a proposal that fits, or to what is wrong with it. */
import { z } from 'zod';
import { CallFailed } from './calls.ts';
import { findJson } from './json.ts';
import type { Proposal, ProposalSchema } from './proposal.ts';

/**
 * The proposal in what a model wrote. Of several it is the last that fits, for models draft before they decide;
 * commands that stand alone, one after the other, are one proposal. Throws `CallFailed` with what to repair.
 */
export function readProposal(answer: string, isCut: boolean, schema: ProposalSchema): Proposal {
  const unreadable = (problem: string) =>
    new CallFailed('its answer could not be read', { do: 'repair', answer, problem });
  let found: unknown[];
  try {
    found = findJson(answer);
  } catch (error) {
    throw unreadable(`${(error as Error).message}${isCut ? '; write less' : ''}`);
  }
  const areCommands = found.length > 1 && found.every((one) => isObject(one) && typeof one.type === 'string');
  let wrong: z.ZodError | undefined;
  for (const value of (areCommands ? [found] : found).reverse()) {
    const read = schema.safeParse(value);
    if (read.success) return read.data;
    wrong ??= read.error;
  }
  if (wrong === undefined) throw unreadable('it holds no JSON object');
  throw unreadable(z.prettifyError({ issues: wrong.issues.slice(0, 20) }).slice(0, 1000));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
