/** drivers/dma/idxd/cdev.c: /dev/dsa/wqD.Q (9.1 of docs/reference/ims-dsa.md). */
import { Errno, isErrno } from '../../abi/index.ts';
import { DSA_OPCODE_BATCH, formatDescriptor, PAGE_SIZE, POLLIN, POLLNVAL, POLLRDNORM } from '../../abi/uapi/index.ts';
import { ImsSession, imsRequests, vfioIrqRequests } from '../../ims/index.ts';
import {
  type AddressSpace,
  type File,
  type FileOperations,
  ioctls,
  isCapable,
  type Kernel,
  type MemoryObject,
  type PortalStore,
  type Task,
  type UserBuffer,
  type UserMemory,
  type WaitQueue,
  wait,
} from '../../kernel/index.ts';
import { DESCRIPTOR_SIZE, Descriptor, type DeviceMemory, type DsaWork, RECORD_SIZE, dsaRegisters as regs } from '../../ports/dsa/index.ts';
import { deny } from './attributes.ts';
import type { IdxdQueue } from './idxd-device.ts';
import { WriteCombining } from './write-combining.ts';

/** An open queue: idxd_user_context. */
export interface QueueClient {
  readonly queue: IdxdQueue;
  readonly pasid: number;
  /** Whose memory that is. */
  readonly process: number;
  readonly session: ImsSession;
  readonly combining: WriteCombining;
  /** `fileN` in sysfs. */
  readonly hide: () => void;
}

/** What the node of a queue needs besides. */
export interface NodeParts {
  readonly queue: IdxdQueue;
  /** What is behind mappings; nobody reads it. */
  readonly page: MemoryObject;
  readonly errors: WaitQueue;
  /** Shows an open file in sysfs. */
  readonly show: (process: number) => () => void;
}

const NOTHING = new Uint8Array(0);

/** Memory of a process that the device reaches whenever it likes. */
const ownMemory = (space: AddressSpace): DeviceMemory => ({
  isBorrowed: false,
  isGone: false,
  read: (at, length) => space.read(at, length),
  write: (at, bytes) => space.write(at, bytes),
});

/** Memory that a thread reaches for the device while it waits. */
class BorrowedMemory implements DeviceMemory {
  readonly isBorrowed = true;
  isGone = false;
  readonly #memory: UserMemory;

  constructor(memory: UserMemory) {
    this.#memory = memory;
  }

  read(at: number, length: number): Kernel<Uint8Array> {
    return this.#orElse(this.#memory.read(at, length), NOTHING);
  }

  write(at: number, bytes: Uint8Array): Kernel<number> {
    return this.#orElse(this.#memory.write(at, bytes), 0);
  }

  /** A process that is gone has no memory. */
  *#orElse<T>(access: Kernel<T>, nothing: T): Kernel<T> {
    try {
      return yield* access;
    } catch (error) {
      if (!isErrno(error, 'EFAULT')) throw error;
      this.isGone = true;
      return nothing;
    }
  }
}

const deviceMemory = ({ space, memory }: Task): DeviceMemory => (space === undefined ? new BorrowedMemory(memory) : ownMemory(space));

/** Through a thread that waits the device reaches memory no longer than that. */
function* untilDone(work: DsaWork, memory: DeviceMemory): Kernel<void> {
  if (memory.isBorrowed) yield* wait(work.done, () => work.isDone, { mode: 'uninterruptible' });
}

/** What the processor does for ENQCMD, and the kernel for a write: one try. */
function* enqueue({ queue, pasid }: QueueClient, bytes: Uint8Array, task: Task): Kernel<boolean> {
  new Descriptor(bytes).setPasid(pasid, false);
  const memory = deviceMemory(task);
  const work = queue.device.port.enqueue(queue.config.index, 'limited', bytes, memory);
  if (work === undefined) return false;
  yield* untilDone(work, memory);
  return true;
}

function* post({ queue }: QueueClient, bytes: Uint8Array, task: Task): Kernel<void> {
  const memory = deviceMemory(task);
  const work = queue.device.port.store(queue.config.index, bytes, memory);
  if (work !== undefined) yield* untilDone(work, memory);
}

/** idxd_submit_user_descriptor. @throws Errno EFAULT, EINVAL, EAGAIN */
function* submit(client: QueueClient, from: UserBuffer, task: Task): Kernel<void> {
  const bytes = yield* from.take(DESCRIPTOR_SIZE);
  const descriptor = new Descriptor(bytes);
  deny(descriptor.opcode === DSA_OPCODE_BATCH, 'EINVAL', 'a member of a batch could claim to be of another process');
  deny(descriptor.completion % RECORD_SIZE !== 0, 'EINVAL', 'the completion record is not aligned');
  const { config } = client.queue;
  if (config.isDedicated) {
    yield* post(client, bytes, task);
    return;
  }
  for (let tries = 0; tries <= config.retries; tries++) if (yield* enqueue(client, bytes, task)) return;
  throw new Errno('EAGAIN', `${client.queue.name} is full`);
}

function* release({ queue, pasid, session, hide }: QueueClient): Kernel<void> {
  const { device, config } = queue;
  if (queue.isEnabled && config.isDedicated) yield* device.changePasid(queue, undefined);
  else if (device.isEnabled) yield* device.mailbox.execute(regs.DRAIN_PASID, pasid);
  yield* session.close();
  hide();
  device.parts.pasids.unbind(pasid);
  if (queue.clients > 0) queue.clients--;
}

/** Whether a task is of another process than the one that opened the queue; nobody is not. */
const isOther = ({ process }: QueueClient, task: Task | undefined) => task !== undefined && task.tgid !== process;

export function nodeOperations({ queue, page, errors, show }: NodeParts): FileOperations<QueueClient> {
  const { device } = queue;
  const sessionOf = (file: File<QueueClient>) => file.private.session;
  return {
    *open(file, task) {
      const { config } = queue;
      yield* queue.lock.lock();
      const pasid = device.parts.pasids.bind(task);
      let session: ImsSession | undefined;
      try {
        if (config.isDedicated && queue.clients > 0) throw new Errno('EBUSY', `${queue.name} is dedicated and open`);
        if (config.isDedicated) yield* device.changePasid(queue, pasid);
        const client = { pid: task.tgid, queue: queue.name, pasid };
        session = new ImsSession({ ims: device.parts.ims, client, queue: { number: config.index, isShared: !config.isDedicated } });
        if (!config.isDedicated) yield* session.open();
        const process = task.tgid;
        file.private = { queue, pasid, process, session, combining: new WriteCombining(), hide: show(process) };
        queue.clients++;
      } catch (error) {
        device.parts.pasids.unbind(pasid);
        throw error;
      } finally {
        queue.lock.unlock();
      }
    },
    release: (file) => release(file.private),
    *write(file, from, _at, task) {
      if (isOther(file.private, task)) throw new Errno('EPERM', 'the queue was opened by another process');
      let written = 0;
      while (from.remaining >= DESCRIPTOR_SIZE) {
        try {
          yield* submit(file.private, from, task);
        } catch (error) {
          if (written > 0 && error instanceof Errno) break;
          throw error;
        }
        written += DESCRIPTOR_SIZE;
      }
      return written;
    },
    poll(file, table) {
      if (isOther(file.private, file.system.scheduler.current)) return POLLNVAL;
      table.wait(errors);
      return ((device.mailbox.softwareError[0] as number) & 1) !== 0 ? POLLIN | POLLRDNORM : 0;
    },
    mmap(file, vma, task) {
      deny(!isCapable(task.credentials), 'EPERM', 'CAP_SYS_RAWIO is needed');
      deny(isOther(file.private, task), 'EPERM', 'the queue was opened by another process');
      deny(vma.length > PAGE_SIZE, 'EINVAL', 'a portal is one page');
      vma.isPortal = true;
      vma.backing = [{ memory: page, offset: 0, length: PAGE_SIZE }];
    },
    *portal(file, store: PortalStore, task) {
      const client = file.private;
      if (store.kind === 'enqcmd') return yield* enqueue(client, store.bytes, task);
      const whole = store.kind === 'plain' ? client.combining.add(store.offset, store.bytes) : store.bytes;
      if (whole === undefined) return true;
      if (queue.config.isDedicated) yield* post(client, whole, task);
      else yield* enqueue(client, whole, task);
      return true;
    },
    formatData: formatDescriptor,
    showFdinfo: (file) => file.private.session.fdinfo(),
    ...ioctls<QueueClient>(...imsRequests(sessionOf), ...vfioIrqRequests(sessionOf)),
  };
}
