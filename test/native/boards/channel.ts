import { type Board, POLLIN, POLLOUT, WaitQueue, waitOrAgain } from 'ioctopus/driver';

/** A PC with /dev/channel: what is written comes back, as from a pipe that both ends of are one file. */
export default {
  name: 'channel',
  description: 'a PC with a device that keeps what is written until it is read',
  setUp({ system }) {
    const bytes: number[] = [];
    const changed = new WaitQueue('the channel to have bytes');
    system.devices.addMisc({
      name: 'channel',
      mode: 0o666,
      ops: {
        *read(file, to) {
          yield* waitOrAgain(file, changed, () => bytes.length > 0);
          return yield* to.put(Uint8Array.from(bytes.splice(0, to.remaining)));
        },
        *write(_file, from) {
          const taken = yield* from.take(from.remaining);
          bytes.push(...taken);
          changed.wake();
          return taken.length;
        },
        poll(_file, table) {
          table.wait(changed);
          return bytes.length > 0 ? POLLIN | POLLOUT : POLLOUT;
        },
      },
    });
  },
} satisfies Board;
