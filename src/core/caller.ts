import { z } from 'zod';

/** What an operation does: look, change what is the caller's own, or manage users. */
export const scopes = ['read', 'write', 'admin'] as const;
export const scopeSchema = z.enum(scopes);
export type Scope = z.infer<typeof scopeSchema>;

export const roles = ['viewer', 'member', 'admin'] as const;
export const roleSchema = z.enum(roles);
export type Role = z.infer<typeof roleSchema>;

/** Who asks for something, as a transport has found out. What a client says of itself is never taken for it. */
export interface Caller {
  userId: string;
  role: Role;
  /** What the credentials allow, which may be less than the role does. */
  scopes: readonly Scope[];
}

const scopesOfRole: Record<Role, readonly Scope[]> = {
  viewer: ['read'],
  member: ['read', 'write'],
  admin: ['read', 'write', 'admin'],
};

export function scopesOf(role: Role): readonly Scope[] {
  return scopesOfRole[role];
}

export function may({ role, scopes: given }: Caller, scope: Scope): boolean {
  return scopesOfRole[role].includes(scope) && given.includes(scope);
}
