/** Hashes of files that are being kept and that the journal does not name yet. One may be claimed several times. */
export interface Claims {
  add(sha256: string): void;
  drop(sha256: string): void;
  has(sha256: string): boolean;
}

export function createClaims(): Claims {
  const counts = new Map<string, number>();
  return {
    has: (sha256) => counts.has(sha256),
    add: (sha256) => void counts.set(sha256, (counts.get(sha256) ?? 0) + 1),
    drop(sha256) {
      const left = (counts.get(sha256) ?? 0) - 1;
      if (left > 0) counts.set(sha256, left);
      else counts.delete(sha256);
    },
  };
}
