import { type Board, errno } from 'ioctopus/driver';

/** A PC with /dev/slow, whose reads of io_submit end 1000 s later. */
export default {
  name: 'slow-reads',
  description: 'a PC with a device that takes its time',
  setUp({ system }) {
    system.devices.addMisc({
      name: 'slow',
      mode: 0o666,
      ops: {
        readIter({ system }, to, request) {
          const bytes = new Uint8Array(to.remaining).fill(0x61);
          const event = system.clock.schedule(1e12, 'the end of a read', () => request.complete(bytes.length, bytes));
          request.setCancel(() => {
            event.cancel();
            request.complete(-errno.ECONNRESET);
          });
          return 'queued';
        },
      },
    });
  },
} satisfies Board;
