/** Requests that are no plan: administration, consent, small talk. */
import type { Catalogue } from '../../../../src/core/task.ts';
import type { Command } from '../../../commands.ts';
import type { Context } from '../../engine.ts';
import type { Piece } from '../values.ts';
import { readConsent } from './consent.ts';
import { readInformation } from './information.ts';
import { moodOf, retryWords } from './orders.ts';
import { plain } from './phrases.ts';
import { readArtifactRequest, readRunRequest } from './runs.ts';
import { readTalk } from './talk.ts';

/** A message with what of it matters here. */
export interface Message {
  /** See `plain`. */
  said: string;
  id: string | undefined;
  ids: readonly string[];
  path: string | undefined;
  /** Tasks that are mentioned. */
  tasks: readonly string[];
  /** It brings names or values, and so is rather about a plan. */
  plans: boolean;
  context: Context;
  catalogue: Catalogue;
}

const runId = /^(pipeline|task|run|pl|attempt)_/;

/** "any news?" asks for none of the data of that name; "how is the gpt2 run going" speaks of a run. */
function isOfPlan(piece: Piece, said: string): boolean {
  if (piece.k === 'name') {
    if (piece.said.toLowerCase() === 'news') return !/\b(any|some|the) news\b|\bnews (on|about|from|of)\b/.test(said);
    return piece.kind === 'dataset' || !/\b(run|job|training|pipeline|finetuning|fine-tuning)\b/.test(said);
  }
  return piece.k === 'path' || piece.k === 'value' || piece.k === 'hub';
}

/** "retry pipeline_a with batch size 4" brings values, which `toCommands` reads. */
function retriesWithValues(pieces: readonly Piece[], said: string): boolean {
  return pieces.some((piece) => piece.k === 'value') && moodOf(said, retryWords) === 'order';
}

/** Undefined where the message asks for no such thing. */
export function readRequest(
  text: string,
  pieces: readonly Piece[],
  context: Context,
  catalogue: Catalogue,
): Command | undefined {
  const said = plain(text);
  const tasks = [...new Set(pieces.flatMap((piece) => (piece.k === 'task' ? [piece.task] : [])))];
  const ids = pieces.flatMap((piece) => (piece.k === 'id' ? [piece.text] : []));
  const message: Message = {
    said,
    id: ids[0],
    ids,
    path: pieces.find((piece) => piece.k === 'path')?.text,
    tasks,
    plans:
      pieces.some((piece) => isOfPlan(piece, said)) &&
      (tasks.length > 0 || !runId.test(ids[0] ?? '') || retriesWithValues(pieces, said)),
    context,
    catalogue,
  };
  return (
    readArtifactRequest(message) ??
    readRunRequest(message) ??
    readInformation(message) ??
    readConsent(message) ??
    readTalk(message)
  );
}
