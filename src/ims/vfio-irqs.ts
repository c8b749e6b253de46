/** VFIO's requests for interrupts, on the vectors of a file's first group: 12 of docs/reference/ims-dsa.md. */
import { type Decoded, Errno } from '../abi/index.ts';
import {
  VFIO_DEVICE_GET_IRQ_INFO,
  VFIO_DEVICE_SET_IRQS,
  VFIO_IRQ_INFO_EVENTFD,
  VFIO_IRQ_INFO_MASKABLE,
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_TYPE_MASK,
  VFIO_IRQ_SET_ACTION_UNMASK,
  VFIO_IRQ_SET_DATA_BOOL,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_IRQ_SET_DATA_TYPE_MASK,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_PCI_NUM_IRQS,
  vfio_irq_info,
  vfio_irq_set,
} from '../abi/uapi/index.ts';
import {
  copyFromUser,
  copyStructFromUser,
  copyStructToUser,
  type File,
  type IoctlEntry,
  type Kernel,
  onRaw,
  type Task,
} from '../kernel/index.ts';
import type { ImsVector } from './group.ts';
import { bindEventfds, fetchFds } from './requests.ts';
import type { ImsSession } from './session.ts';

type IrqSet = Decoded<typeof vfio_irq_set>;

const U32_MAX = 0xffffffff;
const FLAGS = VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK;
/** Bytes of one vector's data, by how it is given. */
const DATA_SIZE = new Map([
  [VFIO_IRQ_SET_DATA_NONE, 0],
  [VFIO_IRQ_SET_DATA_BOOL, 1],
  [VFIO_IRQ_SET_DATA_EVENTFD, 4],
]);

const vectorsOf = ({ groups }: ImsSession): readonly ImsVector[] => groups.values().next().value?.vectors ?? [];

const invalid = (reason: string) => new Errno('EINVAL', reason);

/** vfio_set_irqs_validate_and_prepare. @throws Errno EINVAL */
function assertValid({ argsz, flags, index, start, count }: IrqSet, available: number): void {
  if (argsz < vfio_irq_set.size) throw invalid('argsz is less than the struct has');
  if (index >= VFIO_PCI_NUM_IRQS) throw invalid(`there is no kind ${index} of interrupts`);
  if (count >= U32_MAX - start) throw invalid('so many there cannot be');
  if ((flags & ~FLAGS) !== 0) throw invalid('a flag is unknown');
  const inIndex = index === VFIO_PCI_MSIX_IRQ_INDEX ? available : 0;
  if (start >= inIndex || start + count > inIndex) throw invalid(`the file has ${inIndex} vectors of that kind`);
  const size = DATA_SIZE.get(flags & VFIO_IRQ_SET_DATA_TYPE_MASK);
  if (size === undefined) throw invalid('there is not one kind of data');
  if (argsz - vfio_irq_set.size < count * size) throw invalid('argsz is less than the data has');
}

/** The vectors that NONE or BOOL data is about. */
function* chosen(set: IrqSet, vectors: readonly ImsVector[], data: number, task: Task): Kernel<ImsVector[]> {
  const range = vectors.slice(set.start, set.start + set.count);
  if ((set.flags & VFIO_IRQ_SET_DATA_BOOL) === 0) return range;
  const bools = yield* copyFromUser(task.memory, data, set.count);
  return range.filter((_, at) => bools[at] !== 0);
}

function* setIrqs(session: ImsSession, address: number, task: Task): Kernel<void> {
  const set: IrqSet = yield* copyStructFromUser(task.memory, vfio_irq_set, address);
  const vectors = vectorsOf(session);
  assertValid(set, vectors.length);
  const { flags, start, count } = set;
  const data = address + vfio_irq_set.size;
  const isActive = vectors.some(({ eventfd }) => eventfd !== undefined);
  const isEventfd = (flags & VFIO_IRQ_SET_DATA_EVENTFD) !== 0;
  switch (flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) {
    case VFIO_IRQ_SET_ACTION_TRIGGER:
      if (isEventfd) {
        yield* bindEventfds(vectors.slice(start, start + count), yield* fetchFds(task, data, count), task);
        return;
      }
      if (count === 0 && (flags & VFIO_IRQ_SET_DATA_NONE) !== 0 && isActive) {
        for (const vector of vectors) {
          vector.eventfd?.put();
          vector.eventfd = undefined;
        }
        return;
      }
      if (!isActive) throw invalid('no vector has an eventfd');
      for (const vector of yield* chosen(set, vectors, data, task)) vector.eventfd?.signal();
      return;
    case VFIO_IRQ_SET_ACTION_MASK:
    case VFIO_IRQ_SET_ACTION_UNMASK: {
      if (isEventfd) throw new Errno('ENOTTY', 'no eventfd masks');
      if (!isActive) throw invalid('no vector has an eventfd');
      const isMasked = (flags & VFIO_IRQ_SET_ACTION_MASK) !== 0;
      for (const vector of yield* chosen(set, vectors, data, task)) yield* session.ims.setMask(vector, isMasked);
      return;
    }
    default:
      throw new Errno('ENOTTY', 'there is not one action');
  }
}

function* getInfo(session: ImsSession, address: number, task: Task): Kernel<void> {
  const { argsz, index } = yield* copyStructFromUser(task.memory, vfio_irq_info, address);
  if (argsz < vfio_irq_info.size || index >= VFIO_PCI_NUM_IRQS) throw invalid(`there is no kind ${index} of interrupts, or no room`);
  const isOurs = index === VFIO_PCI_MSIX_IRQ_INDEX;
  const flags = VFIO_IRQ_INFO_EVENTFD | (isOurs ? VFIO_IRQ_INFO_MASKABLE : VFIO_IRQ_INFO_NORESIZE);
  yield* copyStructToUser(task.memory, vfio_irq_info, address, { argsz, flags, index, count: isOurs ? vectorsOf(session).length : 0 });
}

/** The entries for a driver's table. @param sessionOf what a file has; undefined before it has any: ENOTTY then */
export function vfioIrqRequests<P>(sessionOf: (file: File<P>) => ImsSession | undefined): IoctlEntry<P>[] {
  const serve =
    (request: (session: ImsSession, address: number, task: Task) => Kernel<void>) =>
    (file: File<P>, address: number, task: Task): Kernel<void> => {
      const session = sessionOf(file);
      if (session === undefined) throw new Errno('ENOTTY', 'the device has no message store');
      session.assertOwner(task);
      return request(session, address, task);
    };
  return [onRaw(VFIO_DEVICE_GET_IRQ_INFO, serve(getInfo)), onRaw(VFIO_DEVICE_SET_IRQS, serve(setIrqs))];
}
