import type { Metadata } from '../../src/core/estimate.ts';

/** Metadata and inputs come from many hands: a value of another kind counts as none. */
export function numberIn(from: Metadata, name: string): number | undefined {
  const value = from[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function textIn(from: Metadata, name: string): string | undefined {
  const value = from[name];
  return typeof value === 'string' ? value : undefined;
}
