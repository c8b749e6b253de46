import { type Board, Errno, type FileOperations, IO, ioctls, on, WaitQueue, waitOrAgain } from 'ioctopus/driver';

/** How many records wait in /dev/loop. */
export const PENDING = IO('l', 1, 'PENDING');

/** Records that /dev/loop keeps until they are read. */
const RECORDS_MAX = 64;
const MEMORY_SIZE = 8192;

/**
 * A machine with two devices. /dev/loop keeps each write as a record, and a read takes one record or what it has room for; both wait.
 * /dev/memory is 8 KiB with positions.
 */
export default {
  name: 'loopback',
  description: 'devices that give back what is written',
  setUp({ system }) {
    const records: Uint8Array[] = [];
    const changed = new WaitQueue('the loop to have records, or room for one');
    const loop: FileOperations = {
      *read(file, to) {
        yield* waitOrAgain(file, changed, () => records.length > 0);
        const record = records.shift() as Uint8Array;
        const done = yield* to.put(record);
        if (done < record.length) records.unshift(record.subarray(done));
        changed.wake();
        return done;
      },
      *write(file, from) {
        const record = yield* from.take(from.remaining);
        if (record.length === 0) throw new Errno('EINVAL', 'a record has bytes');
        yield* waitOrAgain(file, changed, () => records.length < RECORDS_MAX);
        records.push(record);
        changed.wake();
        return record.length;
      },
      ...ioctls(on(PENDING, () => records.length)),
    };
    const bytes = new Uint8Array(MEMORY_SIZE);
    const memory: FileOperations = {
      *read(_file, to, at) {
        const done = yield* to.put(bytes.subarray(at.position));
        at.position += done;
        return done;
      },
      *write(_file, from, at) {
        if (at.position >= MEMORY_SIZE) throw new Errno('ENOSPC', 'the memory ends here');
        const taken = yield* from.take(Math.min(from.remaining, MEMORY_SIZE - at.position));
        bytes.set(taken, at.position);
        at.position += taken.length;
        return taken.length;
      },
      llseek(file, offset, whence) {
        const position = offset + (whence === 0 ? 0 : whence === 1 ? file.position : MEMORY_SIZE);
        if (whence > 2 || position < 0) throw new Errno('EINVAL', 'no such position');
        file.position = position;
        return position;
      },
    };
    system.devices.addMisc({ name: 'loop', mode: 0o660, ops: loop });
    system.devices.addMisc({ name: 'memory', mode: 0o600, ops: memory });
  },
} satisfies Board;
