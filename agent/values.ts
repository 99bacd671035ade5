/** Values as they are written, against the schemas of inputs. */
import { z } from 'zod';
import type { Field } from '../src/core/task.ts';
import type { Json } from './plan/draft.ts';

type Scalar = string | number | boolean;

export type ParsedValue = { ok: true; value: Json } | { ok: false; problem: string };

/** One value of an input as its schema takes it, or what the input takes instead, in words. */
export function parseValue(field: Field, written: Scalar | readonly Scalar[]): ParsedValue {
  const value = coerce(field, written);
  const parsed = field.schema.safeParse(value);
  if (parsed.success) return { ok: true, value: value as Json };
  return { ok: false, problem: `${field.name} ${takes(field)}, so ${shown(written)} does not fit.` };
}

function coerce(field: Field, written: Scalar | readonly Scalar[]): unknown {
  if (Array.isArray(written)) return [...written];
  const numeric = field.jsonTypes.some((type) => type === 'number' || type === 'integer');
  if (numeric && typeof written === 'string' && written.trim() !== '' && Number.isFinite(Number(written)))
    return Number(written);
  if (field.jsonTypes.includes('string') && typeof written === 'number') return String(written);
  return written;
}

function shown(written: Scalar | readonly Scalar[]): string {
  return Array.isArray(written) ? written.join(', ') : String(written);
}

interface Bounds {
  type?: string;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  anyOf?: Bounds[];
  items?: Bounds;
}

/** What an input takes, in words: "takes a whole number from 2 to 8". */
export function takes(field: Field): string {
  return `takes ${inWords(boundsOf(field))}`;
}

/** The words of which an input takes one, where it is so. */
export function choicesOf(field: Field): string[] {
  return (boundsOf(field).enum ?? []).map(String);
}

function boundsOf(field: Field): Bounds {
  const json = z.toJSONSchema(field.schema, { io: 'input', unrepresentable: 'any' }) as Bounds;
  return json.anyOf?.find((one) => one.type !== 'null') ?? json;
}

function inWords(bounds: Bounds): string {
  if (bounds.enum) return `one of ${bounds.enum.map(String).join(', ')}`;
  if (bounds.type === 'array' && bounds.items) return `a list: each ${inWords(bounds.items)}`;
  if (bounds.type !== 'integer' && bounds.type !== 'number') return 'another kind of value';
  const kind = bounds.type === 'integer' ? 'a whole number' : 'a number';
  const { minimum, maximum, exclusiveMinimum } = bounds;
  const safe = (limit: number | undefined) =>
    limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER ? limit : undefined;
  const low = bounds.type === 'integer' && exclusiveMinimum !== undefined ? exclusiveMinimum + 1 : safe(minimum);
  const high = safe(maximum);
  if (low !== undefined && high !== undefined) return `${kind} from ${low} to ${high}`;
  if (exclusiveMinimum !== undefined && high !== undefined)
    return `${kind} above ${exclusiveMinimum} and up to ${high}`;
  if (low !== undefined) return `${kind} of at least ${low}`;
  if (exclusiveMinimum !== undefined) return `${kind} above ${exclusiveMinimum}`;
  return high === undefined ? kind : `${kind} of at most ${high}`;
}
