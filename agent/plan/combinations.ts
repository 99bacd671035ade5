import { UserError } from '../../src/core/errors.ts';

/** Steps that a plan made in a chat may have: more would be a slip of the tongue. */
export const maxPlanSteps = 200;

/** @throws UserError `plan_too_large` above the limit. */
export function limitSteps(count: number): void {
  if (count <= maxPlanSteps) return;
  throw new UserError('plan_too_large', `That would be ${count} steps; a plan has at most ${maxPlanSteps}.`, {
    hint: 'Ask for fewer variants, or submit the pipeline as JSON.',
  });
}

/** Every way to take one value of each input. @throws UserError where there are more than steps in a plan. */
export function combinations<Value>(values: Record<string, readonly Value[]>): Record<string, Value>[] {
  limitSteps(Object.values(values).reduce((product, choices) => product * choices.length, 1));
  return Object.entries(values).reduce<Record<string, Value>[]>(
    (made, [name, choices]) => made.flatMap((one) => choices.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}
