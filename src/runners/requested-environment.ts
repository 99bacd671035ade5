import type { Resource } from '../core/resource.ts';
import type { Attempt } from '../core/runner.ts';

/** The environment that the attempt's `env_id` asks for; without one, the runtime's own. */
export function requestedEnvironment({ inputs, resources }: Attempt): {
  requirements: string[];
  pythonVersion: string | undefined;
} {
  const environment: Resource | undefined = resources[String(inputs.env_id)];
  const { requirements, python_version: version } = environment?.metadata ?? {};
  return {
    requirements: Array.isArray(requirements) ? requirements.map(String) : [],
    pythonVersion: typeof version === 'string' ? version : undefined,
  };
}
