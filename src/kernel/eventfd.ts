/** fs/eventfd.c: a counter that is a file, by which one tells others that something has happened. */
import { Errno } from '../abi/index.ts';
import { O_NONBLOCK, O_RDWR, POLLERR, POLLIN, POLLOUT } from '../abi/uapi/index.ts';
import type { File, FileOperations } from './file.ts';
import { waitOrAgain } from './file.ts';
import type { System } from './system.ts';
import { WaitQueue } from './wait.ts';

/** ULLONG_MAX. */
const MAX = 2n ** 64n - 1n;

/** What a driver or the kernel keeps of an eventfd to count in: `struct eventfd_ctx`, with a reference. */
export interface EventfdContext {
  /** eventfd_signal: adds one. Never waits. */
  signal(): void;
  /** eventfd_ctx_put: the keeper signals no more. */
  put(): void;
}

/** The counter of one eventfd. */
class Eventfd implements EventfdContext {
  readonly id: number;
  readonly isSemaphore: boolean;
  readonly changed = new WaitQueue('an eventfd');
  count: bigint;

  constructor(id: number, count: number, isSemaphore: boolean) {
    this.id = id;
    this.count = BigInt(count);
    this.isSemaphore = isSemaphore;
  }

  signal(): void {
    if (this.count < MAX) this.count++;
    this.changed.wake(POLLIN);
  }

  put(): void {}
}

const operations: FileOperations<Eventfd> = {
  readIter: true,

  *read(file, to) {
    const eventfd = file.private;
    if (to.remaining < 8) throw new Errno('EINVAL', 'a count has 8 bytes');
    yield* waitOrAgain(file, eventfd.changed, () => eventfd.count > 0n);
    const taken = eventfd.isSemaphore ? 1n : eventfd.count;
    eventfd.count -= taken;
    eventfd.changed.wake(POLLOUT);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(taken);
    if ((yield* to.put(bytes)) < 8) throw new Errno('EFAULT', 'the count cannot be written');
    return 8;
  },

  *write(file, from) {
    const eventfd = file.private;
    if (from.remaining !== 8) throw new Errno('EINVAL', 'a count has 8 bytes');
    const more = Buffer.from(yield* from.take(8)).readBigUInt64LE();
    if (more === MAX) throw new Errno('EINVAL', 'so much can never be added');
    yield* waitOrAgain(file, eventfd.changed, () => MAX - eventfd.count > more);
    eventfd.count += more;
    eventfd.changed.wake(POLLIN);
    return 8;
  },

  // noop_llseek.
  llseek: (file) => file.position,

  poll(file, table) {
    const { count, changed } = file.private;
    table.wait(changed);
    return (count > 0n ? POLLIN : 0) | (count === MAX ? POLLERR : 0) | (MAX - 1n > count ? POLLOUT : 0);
  },

  showFdinfo({ private: { count, id, isSemaphore } }) {
    return `eventfd-count: ${count.toString(16).padStart(16)}\neventfd-id: ${id}\neventfd-semaphore: ${isSemaphore ? 1 : 0}\n`;
  },
};

const numbers = (_system: System) => ({ next: 0 });

/** do_eventfd: a new counter as a file. @param flags EFD_ flags */
export function createEventfd(system: System, count: number, isSemaphore: boolean, isNonblocking: boolean): File {
  const eventfd = new Eventfd(system.single(numbers).next++, count, isSemaphore);
  return system.anonymous.open('[eventfd]', operations, eventfd, O_RDWR | (isNonblocking ? O_NONBLOCK : 0));
}

/** eventfd_ctx_fileget. @throws Errno EINVAL for another kind of file */
export function eventfdOf(file: File): EventfdContext {
  if (file.ops !== operations) throw new Errno('EINVAL', `${file.path} is no eventfd`);
  return file.private;
}
