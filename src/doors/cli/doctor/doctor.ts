import type { Check, Finding } from './check.ts';
import { basicChecks, hostChecks, mountChecks, programChecks } from './checks.ts';
import { type Host, thisHost } from './host.ts';

/** Each needs what those before it find; when one has a problem, the next would only find it again. */
export const stages: readonly (readonly Check[])[] = [basicChecks, hostChecks, mountChecks, programChecks];

/** A check that cannot be finished has found a problem. */
export function runCheck(check: Check, host: Host): Finding {
  try {
    return check.run(host);
  } catch (error) {
    return { verdict: 'problem', text: error instanceof Error ? error.message : String(error) };
  }
}

const line = ({ name }: Check, { verdict, text }: Finding) => `${verdict.padEnd(9)}${name.padEnd(14)}${text}`;

/**
 * Says what on a machine would get in the way of native programs, a line for each check.
 *
 * @returns exit status: 1 when there is a problem, else 0
 */
export function doctor(say: (line: string) => void = console.log, host: Host = thisHost()): number {
  let problems = 0;
  for (const checks of stages) {
    for (const check of checks) {
      const finding = runCheck(check, host);
      if (finding.verdict === 'problem') problems++;
      say(line(check, finding));
    }
    if (problems > 0) break;
  }
  say(problems === 0 ? 'nothing is in the way of native programs' : `${problems} ${problems === 1 ? 'problem' : 'problems'}`);
  return problems === 0 ? 0 : 1;
}
