import { z } from 'zod';

/** A name on the hub, `builtin:NAME` or a path: never an option, and on one line. */
export const nameOrPath = z
  .string()
  .min(1)
  .max(2000)
  .regex(/^(?!(?:\w+:)?-)[^\p{Cc}\p{Cf}]+$/u, 'must be a name or a path on one line that begins with no hyphen')
  .meta({ names_content: true });
