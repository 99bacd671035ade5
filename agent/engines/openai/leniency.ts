/** Other ways in which models write a proposal, where the meaning is clear. */
import { z } from 'zod';

type Fields = Record<string, unknown>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list; none is an empty one, and a value alone is a list of one. `full` makes an object of a mere word. */
export function listOf<Item extends z.ZodType>(item: Item, full: (word: string) => unknown = (word) => word) {
  return z.preprocess((value) => {
    const all = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
    return all.map((one) => (typeof one === 'string' ? full(one) : one));
  }, z.array(item));
}

/** Settings, also as `{"num_epochs": 3}` or with `value` for `values`. */
export function settingsOf<Setting extends z.ZodType>(setting: Setting) {
  return z.preprocess(
    (value) => {
      if (!isObject(value) || 'input' in value) return value;
      return Object.entries(value).map(([input, values]) => ({ input, values }));
    },
    listOf(z.preprocess((one) => (isObject(one) && 'value' in one ? { values: one.value, ...one } : one), setting)),
  );
}

/** A list of commands, one command, or a call of the tool written out as text, each as `{commands}`. */
export function wrapCommands(value: unknown): unknown {
  if (Array.isArray(value)) return { commands: value.flatMap((one) => (isObject(one) && one.commands) || one) };
  if (!isObject(value)) return value;
  if ('commands' in value) return { commands: [value.commands].flat() };
  if ('type' in value) return { commands: [value] };
  return value.arguments ?? value.parameters ?? value;
}

/** `{"type": "approve"}` for a `simple` command, and so for actions and topics: their names are no types. */
export function namedActions(known: {
  simple: readonly string[];
  topics: readonly string[];
  actions: readonly string[];
}): (value: unknown) => unknown {
  return (value) => {
    if (!isObject(value) || typeof value.type !== 'string') return value;
    const { type } = value;
    if (type === 'action' && value.name === 'retry') return { ...value, type: 'retry' };
    if (known.simple.includes(type)) return { type: 'simple', what: type };
    if (known.topics.includes(type)) return { type: 'talk', topic: type };
    return known.actions.includes(type) ? { ...value, type: 'action', name: type } : value;
  };
}
