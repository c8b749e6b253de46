import { errno, errnoName, strerror } from '../../../abi/index.ts';
import { limitBehind, limitReached } from '../../preload/index.ts';
import type { Host } from './host.ts';
import type { Failure, Tries } from './tries.ts';

/** What a check found. A note works, but people may want to know. */
export interface Finding {
  readonly verdict: 'ok' | 'note' | 'problem';
  readonly text: string;
}

export interface Check {
  readonly name: string;
  readonly run: (host: Host) => Finding;
}

export const ok = (text: string): Finding => ({ verdict: 'ok', text });
export const note = (text: string): Finding => ({ verdict: 'note', text });
export const problem = (text: string): Finding => ({ verdict: 'problem', text });

const LIMITED = ['inotify_init1', 'inotify_add_watch', 'memfd_create', 'open', 'eventfd', 'mmap'] as const;
/** System calls that sandboxes are known to forbid. */
const FILTERED: readonly Failure['call'][] = ['inotify_init1', 'inotify_add_watch', 'memfd_create', 'pidfd_open', 'process_vm_readv'];

function isLimited(call: Failure['call']): call is (typeof LIMITED)[number] {
  return (LIMITED as readonly string[]).includes(call);
}

/** What failed, and what to do: for a limit and for a forbidden call the general way out, else the check's own. */
export function describe({ call, errno: code }: Failure, host: Host, advice: string): string {
  const name = errnoName(code);
  const what = name === undefined ? `${call} does not do what it does on Linux` : `${call}: ${name} (${strerror(name)})`;
  if (call === 'open' && code === errno.ENOENT) return `${what}; memory files are opened again through /proc/self/fd: mount /proc`;
  const limit = isLimited(call) ? limitBehind(call, code) : undefined;
  if (limit !== undefined) return `${what}; ${limitReached(limit, host.text)}`;
  if ((code === errno.ENOSYS || code === errno.EPERM) && FILTERED.includes(call)) {
    return `${what}; the kernel or a filter forbids it: allow ${call} in the container's seccomp profile`;
  }
  return `${what}; ${advice}`;
}

/** A check that something can be done. */
export function tried(name: string, key: keyof Tries, texts: { readonly works: string; readonly advice: string }): Check {
  return {
    name,
    run(host) {
      const failure = host.tries()[key]();
      return failure === undefined ? ok(texts.works) : problem(describe(failure, host, texts.advice));
    },
  };
}
