import { Errno } from '../../abi/index.ts';
import {
  DMA_TEST_BRACKET,
  DMA_TEST_IOC_ATTACH,
  DMA_TEST_IOC_DETACH,
  DMA_TEST_IOC_READ,
  DMA_TEST_IOC_WRITE,
  DMA_TEST_KEEP_MAPPING,
  DMA_TEST_SIGNAL_EARLY,
} from '../../abi/uapi/index.ts';
import { allocateFenceContexts, dmaBufGet } from '../../dma-buf/index.ts';
import { type File, type FileOperations, ioctls, type Kernel, Mutex, on, type System, type Task } from '../../kernel/index.ts';
import type { DmaDevice } from '../../memory/index.ts';
import type { DmaTestEngine } from '../../ports/dma-test/index.ts';
import { type Attached, transfer } from './transfer.ts';

export interface DmaTestDescription {
  /** The node is /dev/NAME. */
  readonly name: string;
  /** As which it accesses memory. */
  readonly device: DmaDevice;
  readonly engine: DmaTestEngine;
}

/** What an open file has. */
interface Session {
  /** Held during each request: one transfer after the other. */
  readonly lock: Mutex;
  attached: Attached | undefined;
}

type SessionFile = File<Session>;

const FLAGS = DMA_TEST_KEEP_MAPPING | DMA_TEST_BRACKET | DMA_TEST_SIGNAL_EARLY;

function* attach({ device }: DmaTestDescription, fd: number, flags: number, task: Task): Kernel<Attached> {
  if ((flags & ~FLAGS) !== 0) throw new Errno('EINVAL', 'flags has an unknown bit');
  const dmabuf = yield* dmaBufGet(fd, task);
  try {
    const attachment = yield* dmabuf.attach(device);
    try {
      const table = (flags & DMA_TEST_KEEP_MAPPING) === 0 ? undefined : yield* attachment.mapUnlocked('bidirectional');
      return { dmabuf, attachment, flags, table };
    } catch (error) {
      yield* dmabuf.detach(attachment);
      throw error;
    }
  } catch (error) {
    dmabuf.put();
    throw error;
  }
}

function* detach({ dmabuf, attachment, table }: Attached): Kernel<void> {
  if (table !== undefined) yield* attachment.unmapUnlocked(table, 'bidirectional');
  yield* dmabuf.detach(attachment);
  dmabuf.put();
}

/** Holds the file's lock meanwhile. */
function* alone<T>({ private: session }: SessionFile, work: (session: Session) => Kernel<T>): Kernel<T> {
  yield* session.lock.lock({ mode: 'interruptible' });
  try {
    return yield* work(session);
  } finally {
    session.lock.unlock();
  }
}

function attachedTo({ attached }: Session): Attached {
  if (attached === undefined) throw new Errno('EINVAL', 'no buffer is attached');
  return attached;
}

/** Adds the device's node. */
export function addDmaTest(system: System, description: DmaTestDescription): void {
  const { name, engine } = description;
  const queue = { engine, context: allocateFenceContexts(system), submitted: 0 };

  const ops: FileOperations<Session> = {
    open(file) {
      file.private = { lock: new Mutex(`a file of ${name}`), attached: undefined };
    },

    release({ private: { attached } }) {
      return attached === undefined ? undefined : detach(attached);
    },

    ...ioctls<Session>(
      on(DMA_TEST_IOC_ATTACH, (file: SessionFile, { fd, flags }, task: Task) =>
        alone(file, function* (session) {
          if (session.attached !== undefined) throw new Errno('EBUSY', 'a buffer is attached');
          session.attached = yield* attach(description, fd, flags, task);
          return 0;
        }),
      ),
      on(DMA_TEST_IOC_DETACH, (file: SessionFile) =>
        alone(file, function* (session) {
          yield* detach(attachedTo(session));
          session.attached = undefined;
          return 0;
        }),
      ),
      on(DMA_TEST_IOC_WRITE, (file: SessionFile, { offset, length, byte }) =>
        alone(file, function* (session) {
          yield* transfer(queue, attachedTo(session), { what: 'write', offset, length, byte });
          return 0;
        }),
      ),
      on(DMA_TEST_IOC_READ, (file: SessionFile, request) =>
        alone(file, function* (session) {
          const { sum, data } = yield* transfer(queue, attachedTo(session), { ...request, what: 'read' });
          return { ...request, sum, data: [...data] };
        }),
      ),
    ),
  };
  system.devices.addMisc({ name, ops, mode: 0o666 });
}
