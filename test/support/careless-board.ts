import { allocateFenceContexts, type Board, DmaFence } from 'ioctopus/driver';

/** A machine with /dev/careless, whose driver signals a fence twice when it is opened. */
const board: Board = {
  name: 'careless',
  description: 'a device whose driver breaks a rule',
  setUp({ system }) {
    const ops = { driverName: () => 'careless', timelineName: () => 'line' };
    system.devices.addMisc({
      name: 'careless',
      ops: {
        open() {
          const fence = new DmaFence(system, { ops, context: allocateFenceContexts(system), seqno: 1 });
          fence.signal();
          fence.signal();
          fence.put();
        },
      },
    });
  },
};

export default board;
