import type { Fault } from '../core/errors.ts';

export interface ErrorDetails {
  code: number;
  message: string;
  reason: string;
  hint: string | undefined;
  faults: readonly Fault[];
}

const domain = 'trainyard';
const longestHint = 500;
/** What faults may take of the metadata; the message names them all, or as many as it has room for. */
const faultBytes = 2000;

/**
 * A google.rpc.Status with ErrorInfo (the code as its reason, the hint in its metadata) and, where there are faults, a
 * BadRequest with as many as there is room for. Written by hand: three messages need no generated code.
 * Source: google/rpc/status.proto and error_details.proto of googleapis.
 */
export function encodeErrorDetails({ code, message, reason, hint, faults }: ErrorDetails): Buffer {
  const hintEntry = hint === undefined ? [] : [bytes(3, [text(1, 'hint'), text(2, hint.slice(0, longestHint))])];
  const info = [text(1, reason.toUpperCase()), text(2, domain), ...hintEntry];
  const violations = withinRoom(faults.map((fault) => bytes(1, [text(1, placeOf(fault)), text(2, fault.message)])));
  return Buffer.concat([
    Buffer.concat([varint(1 << 3), varint(code)]),
    text(2, message),
    any('ErrorInfo', info),
    ...(violations.length > 0 ? [any('BadRequest', violations)] : []),
  ]);
}

function placeOf({ node_id, field }: Fault): string {
  return [node_id, field].filter((part) => part !== undefined).join('.');
}

function withinRoom(encoded: readonly Buffer[]): Buffer[] {
  let left = faultBytes;
  return encoded.filter(({ length }) => {
    left -= length;
    return left >= 0;
  });
}

function any(type: string, value: readonly Buffer[]): Buffer {
  return bytes(3, [text(1, `type.googleapis.com/google.rpc.${type}`), bytes(2, value)]);
}

const lengthDelimited = 2;

/** A field that is text. */
function text(field: number, value: string): Buffer {
  return bytes(field, [Buffer.from(value)]);
}

/** A field that is a message or bytes. */
function bytes(field: number, parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  return Buffer.concat([varint((field << 3) | lengthDelimited), varint(value.length), value]);
}

function varint(value: number): Buffer {
  const groups: number[] = [];
  for (let rest = value; groups.length === 0 || rest > 0; rest >>>= 7)
    groups.push((rest & 127) | (rest > 127 ? 128 : 0));
  return Buffer.from(groups);
}
