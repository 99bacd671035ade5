import { styleText } from 'node:util';
import { examine } from '../doctor/examine.ts';
import type { Finding } from '../doctor/finding.ts';
import { type CommandContext, exitCodes } from './context.ts';

/** What still hangs when everything is said does not hold this process for longer. */
const lingerMs = 200;

/** Says what Trainyard needs and has, a line for each, and what to do where something is missing. */
export async function doctor({ config, json, say, print, signal }: CommandContext): Promise<number> {
  try {
    const findings = await Promise.race([examine(config), abortOf(signal)]);
    if (json) print(findings);
    else say(findingLines(findings));
    return findings.some(({ state }) => state === 'failing') ? exitCodes.failed : exitCodes.succeeded;
  } finally {
    setTimeout(() => process.exit(), lingerMs).unref();
  }
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

const marks = { fine: ['✓', 'green'], warning: ['!', 'yellow'], failing: ['✗', 'red'] } as const;

function findingLines(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, found, advice }) => {
    const [mark, color] = marks[state];
    const line = `${styleText(color, mark)} ${check.padEnd(width)}  ${found}`;
    return advice === undefined ? [line] : [line, `${' '.repeat(width + 4)}${advice}`];
  });
  return [...lines, '', summaryOf(findings)].join('\n');
}

function summaryOf(findings: readonly Finding[]): string {
  const failing = findings.filter(({ state }) => state === 'failing').length;
  if (failing === 0) return 'Everything that Trainyard needs is here.';
  return failing === 1 ? 'One thing keeps Trainyard from working.' : `${failing} things keep Trainyard from working.`;
}
