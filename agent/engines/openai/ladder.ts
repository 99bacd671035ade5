/** How a server is asked for a proposal: in which form, and what is tried when a call brings nothing. */
import { CallFailed, type Calls, forms, type Message, type ModelServer } from './calls.ts';
import { repairPrompt } from './prompts.ts';
import { type Proposal, type ProposalSchema, toJsonSchema } from './proposal.ts';
import { readProposal } from './read-proposal.ts';

export interface Proposed {
  proposal: Proposal;
  /** What the model wrote, as it came. */
  text: string;
}

/** Asks until a proposal can be read or the turn has no call left; then throws why the last one failed. */
export type Ladder = (asked: readonly Message[], calls: Calls, signal: AbortSignal) => Promise<Proposed>;

/** The ladder of one server. It remembers on which rung the server stands, from turn to turn. */
export function createLadder(
  server: ModelServer,
  schema: ProposalSchema,
  wait: (ms: number, signal: AbortSignal) => Promise<unknown>,
): Ladder {
  const jsonSchema = toJsonSchema(schema);
  const takes = { form: 0, temperature: true };

  async function tryForm(form: number, messages: readonly Message[], asked: number, calls: Calls): Promise<Proposed> {
    // A repair at temperature 0 brings the same words again.
    const temperature = takes.temperature && messages.length === asked ? { temperature: 0 } : {};
    const request = { messages, form: forms[form] ?? 'json_object', schema: jsonSchema, ...temperature };
    const { text, isCut } = await calls.make((signal) => server.propose(request, signal));
    return { proposal: readProposal(text, isCut, schema), text };
  }

  /** Prepares the next call, of this turn or of a later one; false where this turn has no use for one. */
  function adapt({ remedy }: CallFailed, form: number, messages: Message[]): boolean {
    switch (remedy.do) {
      case 'change the form':
        // From the form that was asked in: turns that fail together climb one rung and not two.
        takes.form = (form + 1) % forms.length;
        return takes.form !== 0;
      case 'leave out the temperature':
        takes.temperature = false;
        return true;
      case 'repair':
        if (remedy.answer !== '') messages.push({ role: 'assistant', content: remedy.answer.slice(0, 4000) });
        messages.push({ role: 'user', content: repairPrompt(remedy.problem) });
        return true;
      case 'wait':
        return true;
      case 'nothing':
        return false;
    }
  }

  return async (asked, calls, signal) => {
    const messages = [...asked];
    for (;;) {
      const { form } = takes;
      try {
        const proposed = await tryForm(form, messages, asked.length, calls);
        takes.form = form;
        return proposed;
      } catch (error) {
        if (!(error instanceof CallFailed) || !adapt(error, form, messages) || calls.left === 0) throw error;
        if (error.remedy.do === 'wait') await wait(error.remedy.pauseMs, signal);
      }
    }
  };
}
