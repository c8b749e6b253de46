/** What doors ask the host about the processes that call. */
import { readFileSync } from 'node:fs';

/** The name of a process's command; `?` when it is gone or not to be looked at. */
export function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return '?';
  }
}
