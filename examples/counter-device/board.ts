import { type Board, IOR, IOW, ioctls, on, POLLIN, struct, u32, WaitQueue, waitOrAgain } from 'ioctopus/driver';

/** Makes the hardware count up to `limit`, one step every `period_ns`. */
export const COUNTER_START = IOW('c', 1, struct('counter_start', { limit: u32, period_ns: u32 }), 'COUNTER_START');
export const COUNTER_GET = IOR('c', 2, struct('counter_value', { value: u32 }), 'COUNTER_GET');

/** A PC with /dev/counter. */
export default function counterBoard(): Board {
  return {
    name: 'counter',
    description: 'a PC with a device that counts',
    ram: 2 ** 28,
    setUp({ system }) {
      let value = 0;
      const stepped = new WaitQueue('the counter to step');
      const count = (limit: number, period_ns: number) => {
        value++;
        stepped.wake();
        if (value < limit) system.clock.schedule(period_ns, 'a step of the counter', () => count(limit, period_ns));
      };
      system.devices.addMisc({
        name: 'counter',
        mode: 0o666,
        ops: {
          open: (file) => void (file.private = 0), // the value that this file has read last
          *read(file, to) {
            yield* waitOrAgain(file, stepped, () => value > file.private);
            file.private = value;
            return yield* to.put(new TextEncoder().encode(`${value}\n`));
          },
          poll(file, table) {
            table.wait(stepped);
            return value > file.private ? POLLIN : 0;
          },
          ...ioctls(
            on(
              COUNTER_START,
              (_file, { limit, period_ns }) => void system.clock.schedule(period_ns, 'its first step', () => count(limit, period_ns)),
            ),
            on(COUNTER_GET, () => ({ value })),
          ),
        },
      });
    },
  };
}
