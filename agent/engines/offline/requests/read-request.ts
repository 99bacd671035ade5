/** Requests that are no plan: administration, consent, small talk. */
import type { Catalogue } from '../../../../src/core/task.ts';
import type { Command } from '../../../commands.ts';
import type { Context } from '../../engine.ts';
import type { Piece } from '../values.ts';
import { readConsent } from './consent.ts';
import { readInformation } from './information.ts';
import { plain } from './phrases.ts';
import { readArtifactRequest, readRunRequest } from './runs.ts';
import { readTalk } from './talk.ts';

/** A message with what of it matters here. */
export interface Message {
  /** See `plain`. */
  said: string;
  id: string | undefined;
  path: string | undefined;
  /** Tasks that are mentioned. */
  tasks: readonly string[];
  /** It brings names or values, and so is rather about a plan. */
  plans: boolean;
  context: Context;
  catalogue: Catalogue;
}

/** Undefined where the message asks for no such thing. */
export function readRequest(
  text: string,
  pieces: readonly Piece[],
  context: Context,
  catalogue: Catalogue,
): Command | undefined {
  const message: Message = {
    said: plain(text),
    id: pieces.find((piece) => piece.k === 'id')?.text,
    path: pieces.find((piece) => piece.k === 'path')?.text,
    tasks: [...new Set(pieces.flatMap((piece) => (piece.k === 'task' ? [piece.task] : [])))],
    plans: pieces.some(({ k }) => k === 'name' || k === 'path' || k === 'value' || k === 'hub'),
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
