import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

/** Numbers of the processors that this process may run on. */
export function usableCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Where the times were taken. */
export interface Host {
  readonly cpu: string;
  readonly cpus: number;
  readonly kernel: string;
  readonly node: string;
}

export function host(): Host {
  return { cpu: cpus()[0]?.model.trim() ?? 'unknown', cpus: usableCpus().length, kernel: release(), node: process.version };
}
