import { Errno } from '../../../abi/index.ts';
import { type Kernel, waitOn } from '../../../kernel/index.ts';
import * as protocol from '../protocol.ts';
import type { Readers } from './call.ts';

/** nanosleep(2) in the machine's time. @throws Errno ERESTARTNOHAND when a signal comes first */
function* sleep(duration_ns: number): Kernel<number> {
  const wake = yield waitOn([], { timeout_ns: duration_ns, what: 'the time to pass' });
  if (wake === 'signal') throw new Errno('ERESTARTNOHAND', 'a signal came during the sleep');
  return 0;
}

/** What a program does in the machine's time when that runs ahead of the host's. */
export const time: Readers = {
  [protocol.IO_SLEEP]: (slot) => {
    const duration_ns = Math.max(0, slot.argument(0));
    return { name: 'nanosleep', args: [duration_ns / 1e9], begin: () => sleep(duration_ns) };
  },
};
