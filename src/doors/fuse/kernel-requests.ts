import { readFileSync } from 'node:fs';
import { errno } from '../../abi/index.ts';
import { SIGKILL } from '../../abi/uapi/index.ts';
import { commOf } from '../host/index.ts';
import type { Call } from './mount-calls.ts';
import type { Answer, Caller, Serving } from './requests.ts';
import { INTERRUPTED, PID, type Shim, WORDS } from './shim.ts';

/** How often an interrupted caller is looked at whose call goes on, in milliseconds. */
const LOOK_AGAIN_MS = 20;

/** Whether a thread has a signal that nothing can hold back, or is gone. */
function isKilled(pid: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return true;
  }
  const pending = status.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)/gm);
  return [...pending].some(([, mask]) => ((BigInt(`0x${mask}`) >> BigInt(SIGKILL - 1)) & 1n) !== 0n);
}

/** What the kernel asks of the mount, with who asks and who has been interrupted; answered by a {@link Serving}. */
export class KernelRequests {
  readonly #serving: Serving;
  readonly #shim: Shim;
  readonly #unanswered = new Map<number, { readonly pid: number; readonly answer: Answer<any> }>();
  #caller: Caller = { pid: 0, comm: '' };
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(serving: Serving, shim: Shim) {
    this.#serving = serving;
    this.#shim = shim;
  }

  word(number: number, word: number): number {
    return this.#shim.words[number * WORDS + word] as number;
  }

  setWord(number: number, word: number, value: number): void {
    this.#shim.words[number * WORDS + word] = value;
  }

  /** Asks for a call. It may be answered before this returns. */
  ask<T>(number: number, call: Call, answer: Answer<T>): void {
    if (this.#isClosed) {
      answer(errno.ENODEV, undefined);
      return;
    }
    const pid = this.word(number, PID);
    if (this.#caller.pid !== pid) this.#caller = { pid, comm: commOf(pid) };
    const asked = { pid, answer };
    this.#unanswered.set(number, asked);
    this.#serving.serve<T>(number, this.#caller, call, (code, value) => {
      // It may have been abandoned, and the number be another's.
      if (this.#unanswered.get(number) !== asked) return;
      this.#unanswered.delete(number);
      answer(code, value);
    });
    if (this.#unanswered.has(number) && this.word(number, INTERRUPTED) !== 0) this.lookForInterrupted();
  }

  /** Signals have come for callers: their waits end. */
  lookForInterrupted(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const interrupted = () => [...this.#unanswered].filter(([number]) => this.word(number, INTERRUPTED) !== 0);
    for (const [number, { pid }] of interrupted()) this.#serving.interrupt(number, isKilled(pid) ? 'kill' : 'signal');
    // The kernel tells of the first signal only; a wait that nothing but death ends must hear of that, too.
    if (interrupted().length > 0) this.#timer = setTimeout(() => this.lookForInterrupted(), LOOK_AGAIN_MS);
  }

  /** Every request is answered by ENODEV from now on. */
  abandonAll(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const unanswered = [...this.#unanswered.values()];
    this.#unanswered.clear();
    for (const { answer } of unanswered) answer(errno.ENODEV, undefined);
  }
}
