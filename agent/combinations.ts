/** Every way to take one value of each input. */
export function combinations<Value>(values: Record<string, readonly Value[]>): Record<string, Value>[] {
  return Object.entries(values).reduce<Record<string, Value>[]>(
    (made, [name, choices]) => made.flatMap((one) => choices.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}
