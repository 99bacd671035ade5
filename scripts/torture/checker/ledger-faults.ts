import type { Evidence, Fact } from './evidence.ts';
import type { AttemptStory, Stories } from './story.ts';

type Began = Fact & { fact: 'began' };
type Ended = Fact & { fact: 'ended' };

/** What an attempt entered of itself. */
interface Entries {
  began: Began[];
  ended: Ended[];
}

/** The journal against what the tasks themselves entered. */
export function ledgerFaults({ ledger, leftSuccess }: Evidence, { attempts }: Stories): string[] {
  const entries = new Map([...attempts.keys()].map((id): [string, Entries] => [id, { began: [], ended: [] }]));
  const latest = new Map<string, string>();
  const faults = ledger.flatMap((fact) => {
    const { taskId } = attempts.get(fact.attempt) ?? {};
    const own = entries.get(fact.attempt);
    if (taskId === undefined || own === undefined) return [`${fact.attempt} ran, and the journal does not know it.`];
    return enter(fact, own, latest, taskId);
  });
  for (const attempt of attempts.values()) {
    const { began = [], ended = [] } = entries.get(attempt.id) ?? {};
    const fault =
      began.length > 1 || ended.length > 1
        ? `began ${began.length} times and ended ${ended.length} times`
        : attemptFault(attempt, began[0], ended[0], leftSuccess(attempt.id));
    if (fault !== undefined) faults.push(`${attempt.id} of ${attempt.taskId} ${fault}.`);
  }
  return faults;
}

/** Enters a fact; @returns faults where two attempts at one task were alive at once. */
function enter(fact: Fact, own: Entries, latest: Map<string, string>, taskId: string): string[] {
  if (fact.fact === 'began') {
    latest.set(taskId, fact.attempt);
    own.began.push(fact);
    return fact.rivals.map((rival) => `${fact.attempt} began while ${rival} of the same task was alive.`);
  }
  own.ended.push(fact);
  const newest = latest.get(taskId);
  return newest === fact.attempt ? [] : [`${fact.attempt} was alive after ${newest} of the same task began.`];
}

function attemptFault(
  { end, step, sha256 }: AttemptStory,
  began: Began | undefined,
  ended: Ended | undefined,
  leftSuccess: boolean,
): string | undefined {
  const said = ended?.outcome ?? (began === undefined ? 'not begun' : 'not ended');
  const thrownAway = leftSuccess && end !== 'task_succeeded' && end !== 'task_cancelled';
  if (thrownAway) return `left a result, and the journal says ${end}`;
  switch (end) {
    case 'task_cancelled':
      return undefined;
    case 'task_failed':
      return said === 'terminal' ? undefined : `failed for good, and had ${said}`;
    case 'attempt_failed': {
      // What runs in the server ends with it, at any point; what is isolated goes on and is found.
      const mayBeLost = began === undefined || !began.isolated;
      return mayBeLost || said === 'retryable' || said === 'died' ? undefined : `is given up, and had ${said}`;
    }
    case 'task_succeeded':
      if (said !== 'succeeded') return `succeeded, and had ${said}`;
      if (step !== ended?.steps) return `wrote ${ended?.steps} lines of progress, of which ${step} are in the journal`;
      return sha256.join() === ended.sha256 ? undefined : `left ${ended.sha256}, not ${sha256}`;
    default:
      return 'was started, and nothing ended it';
  }
}
