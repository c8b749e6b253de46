import {
  type DmaBuf,
  type DmaBufAttachment,
  type DmaBufAttachOps,
  DmaDevice,
  type DmaDeviceTraits,
  type DmaDirection,
  dmaBufGet,
  Errno,
  type File,
  type FileOperations,
  IO,
  IOW,
  IOWR,
  i32,
  ioctls,
  DMA_RESV_USAGE_KERNEL as KERNEL_USAGE,
  type Kernel,
  on,
  type SgTable,
  type System,
  struct,
  u32,
} from 'ioctopus/driver';

/** Attaches the device to a buffer: once for each open file. */
export const ATTACH = IOW('I', 1, struct({ fd: i32, dynamic: u32 }), 'ATTACH');
export const DETACH = IO('I', 2, 'DETACH');
/** An index of {@link DIRECTIONS}. */
export const MAP = IOW('I', 3, struct({ direction: u32 }), 'MAP');
export const UNMAP = IO('I', 4, 'UNMAP');
/** The device reads a byte of the buffer, or writes one. */
export const READ_BYTE = IOWR('I', 5, struct({ offset: u32, value: u32 }), 'READ_BYTE');
export const WRITE_BYTE = IOW('I', 6, struct({ offset: u32, value: u32 }), 'WRITE_BYTE');

export const DIRECTIONS: readonly DmaDirection[] = ['to-device', 'from-device', 'bidirectional'];

/** What an importer has mapped. */
interface Mapped {
  readonly table: SgTable;
  readonly direction: DmaDirection;
  /** The memory has moved since. */
  isStale: boolean;
}

/**
 * A device that is attached to a buffer, and its driver. It keeps to the rules: it holds the buffer, and a dynamic one maps again when
 * the memory has moved and waits for KERNEL fences itself.
 */
export class Importer {
  readonly device: DmaDevice;
  readonly dmabuf: DmaBuf<any>;
  readonly attachment: DmaBufAttachment<any>;
  /** How often the memory moved away under a mapping. */
  moves = 0;
  #mapped: Mapped | undefined;

  private constructor(device: DmaDevice, dmabuf: DmaBuf<any>, attachment: DmaBufAttachment<any>) {
    this.device = device;
    this.dmabuf = dmabuf;
    this.attachment = attachment;
  }

  static *attach(device: DmaDevice, dmabuf: DmaBuf<any>, isDynamic: boolean): Kernel<Importer> {
    let made: Importer | undefined;
    const ops: DmaBufAttachOps = {
      moveNotify: () => {
        if (made?.isMapped === true) made.#memoryMoved();
      },
    };
    const attachment = isDynamic ? yield* dmabuf.dynamicAttach(device, ops, undefined) : yield* dmabuf.attach(device);
    made = new Importer(device, dmabuf.get(), attachment);
    return made;
  }

  *detach(): Kernel<void> {
    yield* this.unmap();
    yield* this.dmabuf.detach(this.attachment);
    this.dmabuf.put();
  }

  get isMapped(): boolean {
    return this.#mapped !== undefined;
  }

  *map(direction: DmaDirection): Kernel<SgTable> {
    const table = yield* this.attachment.mapUnlocked(direction);
    this.#mapped = { table, direction, isStale: false };
    return table;
  }

  *unmap(): Kernel<void> {
    const mapped = this.#mapped;
    if (mapped === undefined) return;
    this.#mapped = undefined;
    yield* this.attachment.unmapUnlocked(mapped.table, mapped.direction);
  }

  *read(offset: number, length: number): Kernel<Uint8Array> {
    const bytes = new Uint8Array(length);
    yield* this.#access(offset, length, (busAddress, done, count) => bytes.set(this.device.read(busAddress, count), done));
    return bytes;
  }

  *write(offset: number, bytes: Uint8Array): Kernel<void> {
    yield* this.#access(offset, bytes.length, (busAddress, done, count) =>
      this.device.write(busAddress, bytes.subarray(done, done + count)),
    );
  }

  #memoryMoved(): void {
    const mapped = this.#mapped as Mapped;
    if (!mapped.isStale) this.moves++;
    mapped.isStale = true;
  }

  /** The device works while the lock is held, so that it has nothing under way when the memory moves. */
  *#access(offset: number, length: number, visit: (busAddress: number, done: number, count: number) => void): Kernel<void> {
    const { resv } = this.dmabuf;
    yield* resv.lock.lock();
    try {
      const { table } = yield* this.#current();
      let first = 0;
      for (const segment of table.segments) {
        const from = Math.max(offset, first);
        const to = Math.min(offset + length, first + segment.length);
        if (from < to) visit(segment.busAddress + from - first, from - offset, to - from);
        first += segment.length;
      }
    } finally {
      resv.unlock();
    }
  }

  /** Under the lock: a mapping that leads to where the memory is. */
  *#current(): Kernel<Mapped> {
    let mapped = this.#mapped;
    if (mapped === undefined) throw new Errno('EINVAL', 'nothing is mapped');
    if (mapped.isStale) {
      yield* this.attachment.unmap(mapped.table, mapped.direction);
      this.#mapped = undefined;
      mapped = { table: yield* this.attachment.map(mapped.direction), direction: mapped.direction, isStale: false };
      this.#mapped = mapped;
    }
    if (this.attachment.isDynamic) yield* this.dmabuf.resv.wait(KERNEL_USAGE);
    return mapped;
  }
}

type ImporterFile = File<Importer | undefined>;

function importerOf(file: ImporterFile): Importer {
  if (file.private === undefined) throw new Errno('EINVAL', 'no buffer is attached');
  return file.private;
}

const operations = (device: DmaDevice): FileOperations<Importer | undefined> => ({
  *release({ private: importer }) {
    if (importer !== undefined) yield* importer.detach();
  },
  ...ioctls<Importer | undefined>(
    on(ATTACH, function* (file: ImporterFile, { fd, dynamic }, task) {
      if (file.private !== undefined) throw new Errno('EBUSY', 'a buffer is attached already');
      const dmabuf = yield* dmaBufGet(fd, task);
      try {
        file.private = yield* Importer.attach(device, dmabuf, dynamic !== 0);
      } finally {
        dmabuf.put();
      }
    }),
    on(DETACH, function* (file: ImporterFile) {
      yield* importerOf(file).detach();
      file.private = undefined;
    }),
    on(MAP, function* (file: ImporterFile, { direction }) {
      const table = yield* importerOf(file).map(DIRECTIONS[direction] ?? 'bidirectional');
      return table.segments.length;
    }),
    on(UNMAP, (file: ImporterFile) => importerOf(file).unmap()),
    on(READ_BYTE, function* (file: ImporterFile, { offset }) {
      const [value = 0] = yield* importerOf(file).read(offset, 1);
      return { value };
    }),
    on(WRITE_BYTE, (file: ImporterFile, { offset, value }) => importerOf(file).write(offset, Uint8Array.of(value))),
  ),
});

/** Adds /dev/NAME, a device that buffers can be attached to. */
export function addImporter(system: System, traits: DmaDeviceTraits): DmaDevice {
  const device = new DmaDevice(system, traits);
  system.devices.addMisc({ name: traits.name, mode: 0o666, ops: operations(device) });
  return device;
}
