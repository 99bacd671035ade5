/** What an engine is given and what it returns. */
import type { Catalogue } from '../../src/core/task.ts';
import type { Names } from '../aliases.ts';
import type { Command } from '../commands.ts';

/** What an engine knows of the conversation beside the message: the plan and the open question, no more. */
export interface Context {
  /** The nodes of the last plan, with what they hold. */
  plan: readonly { node_id: string; task: string; inputs: Record<string, unknown> }[];
  /** Inputs that the open question asks for. */
  missing: readonly { node_id: string; input: string; said?: string; options: readonly string[] }[];
  /** Id of the last pipeline that was submitted. */
  submitted: boolean;
  /** The user's earlier messages, oldest first. */
  history: readonly string[];
}

export interface Understanding {
  commands: Command[];
  /** `offline`, or `openai:<model>`. */
  engine: string;
  warnings: string[];
}

/** What goes along with one turn, beside the words. */
export interface Turn {
  signal: AbortSignal;
  /** Takes the answer's text piece by piece as the model writes it; what is shown so far is never taken back. */
  onText: (piece: string) => void;
}

/** Reads a message as typed commands. It only proposes: names and values are resolved and checked after it. */
export interface Engine {
  understand(text: string, context: Context, turn: Turn): Promise<Understanding>;
}

export interface EngineWorld {
  catalogue: Catalogue;
  names: Names;
}
