import { type Board, Errno, type File, type FileOperations, O_APPEND, O_TRUNC, type Position, SEEK_CUR, SEEK_END } from 'ioctopus/driver';

/** Bytes that fit into the device. */
const CAPACITY = 1 << 20;

/** A device that keeps what is written to it, as a plain file would, so that programs can be run on both and compared. */
function storage(): FileOperations {
  let bytes = Buffer.alloc(0);
  const seek = (file: File, offset: number, whence: number) =>
    offset + (whence === SEEK_CUR ? file.position : whence === SEEK_END ? bytes.length : 0);
  return {
    open(file) {
      if ((file.flags & O_TRUNC) !== 0) bytes = Buffer.alloc(0);
    },
    *read(_file, to, at: Position) {
      const count = yield* to.put(bytes.subarray(at.position, at.position + to.remaining));
      at.position += count;
      return count;
    },
    *write(file, from, at: Position) {
      const taken = yield* from.take(from.remaining);
      const position = (file.flags & O_APPEND) !== 0 ? bytes.length : at.position;
      const end = position + taken.length;
      if (end > CAPACITY) throw new Errno('ENOSPC', 'the device is full');
      if (end > bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]);
      bytes.set(taken, position);
      at.position = end;
      return taken.length;
    },
    readIter: true,
    writeIter: true,
    llseek(file, offset, whence) {
      const position = seek(file, offset, whence);
      if (position < 0) throw new Errno('EINVAL', 'before the beginning');
      file.position = position;
      return position;
    },
  };
}

/** How many files of another device are open, as a line of text. */
function counting(ops: FileOperations): { readonly counted: FileOperations; readonly counter: FileOperations } {
  let open = 0;
  return {
    counted: {
      ...ops,
      open(file, task) {
        open++;
        return ops.open?.(file, task);
      },
      release() {
        open--;
      },
    },
    counter: {
      *read(_file, to, at: Position) {
        const count = yield* to.put(new TextEncoder().encode(`${open}\n`).subarray(at.position).subarray(0, to.remaining));
        at.position += count;
        return count;
      },
    },
  };
}

/** A PC with /dev/storage0 and /dev/storage1, and /dev/storage0-opens, which reads as the number of open files of the first. */
export default {
  name: 'storage',
  description: 'a PC with two devices that keep what is written to them',
  setUp({ system }) {
    const { counted, counter } = counting(storage());
    system.devices.addMisc({ name: 'storage0', mode: 0o666, ops: counted });
    system.devices.addMisc({ name: 'storage1', mode: 0o666, ops: storage() });
    system.devices.addMisc({ name: 'storage0-opens', mode: 0o444, ops: counter });
  },
} satisfies Board;
