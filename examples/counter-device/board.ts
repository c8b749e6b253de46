import { type Board, IOR, IOW, ioctls, on, POLLIN, struct, u32, WaitQueue, waitOrAgain } from 'ioctopus/driver';

/** Makes the hardware count up to `limit`, a step every `period_ns`. */
export const COUNTER_START = IOW('c', 1, struct({ limit: u32, period_ns: u32 }), 'COUNTER_START');
export const COUNTER_GET = IOR('c', 2, u32, 'COUNTER_GET');

/** A PC with /dev/counter, which reads as the count once it has moved on since that file's last read. */
export default {
  name: 'counter',
  description: 'a PC with a device that counts',
  setUp({ system }) {
    let count = 0;
    const stepped = new WaitQueue('the counter to step');
    const step = (limit: number, period_ns: number) => {
      count++;
      stepped.wake();
      if (count < limit) system.clock.schedule(period_ns, 'a step of the counter', () => step(limit, period_ns));
    };
    system.devices.addMisc({
      name: 'counter',
      ops: {
        *read(file, to) {
          yield* waitOrAgain(file, stepped, () => count > (file.private ?? 0));
          file.private = count;
          return yield* to.put(new TextEncoder().encode(`${count}\n`));
        },
        poll(file, table) {
          table.wait(stepped);
          return count > (file.private ?? 0) ? POLLIN : 0;
        },
        ...ioctls(
          on(COUNTER_START, (_, { limit, period_ns }) => void system.clock.schedule(period_ns, 'its first', () => step(limit, period_ns))),
          on(COUNTER_GET, () => count),
        ),
      },
    });
  },
} satisfies Board;
