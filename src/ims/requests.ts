/** The requests of a node whose files have vectors: 11.2 and 11.3 of docs/reference/ims-dsa.md. */
import { type Decoded, Errno } from '../abi/index.ts';
import {
  IMS_ALLOC_CREATE_EVENTFDS,
  IMS_ALLOC_GROUP,
  IMS_ALLOC_MASKED,
  IMS_ALLOC_NONBLOCK,
  IMS_BIND_HANDLE,
  IMS_FREE_GROUP,
  IMS_GET_INFO,
  IMS_GET_VECTOR,
  IMS_HANDLE_GET,
  IMS_HANDLE_RELEASE,
  IMS_HANDLE_REVOKE,
  IMS_INFO_CONTEXT,
  IMS_INFO_DYNAMIC,
  IMS_INFO_PASID,
  IMS_INFO_REMAP_REQUIRED,
  IMS_INFO_REMAPPED,
  IMS_INFO_SHARED_WQ,
  IMS_MASK,
  IMS_OP_MASK,
  IMS_OP_UNMASK,
  IMS_SET_EVENTFD,
  IMS_TRIGGER,
  IMS_TRIGGER_RAW,
  ims_alloc,
  ims_eventfds,
} from '../abi/uapi/index.ts';
import {
  copyFromUser,
  copyToUser,
  createEventfd,
  type EventfdContext,
  type File,
  type IoctlEntry,
  type Kernel,
  on,
  type Task,
} from '../kernel/index.ts';
import type { ImsGroup, ImsVector } from './group.ts';
import type { ImsSession } from './session.ts';
import { IMS_MAX_NVEC } from './settings.ts';
import { describeVector } from './vector-info.ts';

/** Of an fds array: no eventfd. */
const NO_FD = -1;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** @throws Errno EINVAL */
function assertPlain(wanted: { readonly argsz?: number; readonly size?: number; readonly unknown: readonly (number | bigint)[] }): void {
  if (wanted.argsz !== undefined && wanted.argsz < (wanted.size ?? 0)) throw new Errno('EINVAL', 'argsz is less than the struct has');
  if (wanted.unknown.some((field) => Number(field) !== 0)) throw new Errno('EINVAL', 'a flag is unknown, or a reserved field is not 0');
}

/** Binds eventfds to vectors in a row, all or none. @throws Errno EFAULT, EBADF, EINVAL */
export function* bindEventfds(vectors: readonly ImsVector[], fds: readonly number[], task: Task): Kernel<void> {
  const contexts: (EventfdContext | undefined)[] = [];
  try {
    for (const fd of fds) contexts.push(fd === NO_FD ? undefined : yield* task.files.eventfd(fd));
  } catch (error) {
    for (const context of contexts) context?.put();
    throw error;
  }
  for (const [at, vector] of vectors.entries()) {
    vector.eventfd?.put();
    vector.eventfd = contexts[at];
  }
}

/** @throws Errno EFAULT */
export function* fetchFds(task: Task, address: number, count: number): Kernel<number[]> {
  const view = viewOf(yield* copyFromUser(task.memory, address, count * 4));
  return Array.from({ length: count }, (_, at) => view.getInt32(at * 4, true));
}

function* storeNumbers(task: Task, address: number, numbers: readonly number[]): Kernel<void> {
  const bytes = new Uint8Array(numbers.length * 4);
  for (const [at, number] of numbers.entries()) viewOf(bytes).setInt32(at * 4, number | 0, true);
  yield* copyToUser(task.memory, address, bytes);
}

/** Makes an eventfd for each vector. @throws Errno EMFILE, EFAULT; none is left then */
function* createEventfds(group: ImsGroup, isNonblocking: boolean, address: number, task: Task): Kernel<void> {
  const fds: number[] = [];
  try {
    for (const _ of group.vectors) fds.push(yield* task.files.reserve(false));
    yield* storeNumbers(task, address, fds);
  } catch (error) {
    for (const fd of fds) yield* task.files.cancel(fd);
    throw error;
  }
  for (const fd of fds) yield* task.files.fill(fd, createEventfd(task.system, 0, false, isNonblocking));
  yield* bindEventfds(group.vectors, fds, task);
}

function* allocate(session: ImsSession, wanted: Decoded<typeof ims_alloc>, task: Task) {
  const { argsz, flags, nvec, fds, handles } = wanted;
  assertPlain({ argsz, size: ims_alloc.size, unknown: [flags & ~(IMS_ALLOC_CREATE_EVENTFDS | IMS_ALLOC_MASKED | IMS_ALLOC_NONBLOCK)] });
  const creates = (flags & IMS_ALLOC_CREATE_EVENTFDS) !== 0;
  if (creates && fds === 0) throw new Errno('EINVAL', 'there is no place for the eventfds');
  const given = fds !== 0 && !creates && nvec <= IMS_MAX_NVEC ? yield* fetchFds(task, fds, nvec) : undefined;
  const group = yield* session.allocate(nvec);
  try {
    if ((flags & IMS_ALLOC_MASKED) !== 0) for (const vector of group.vectors) yield* session.ims.setMask(vector, true);
    if (given !== undefined) yield* bindEventfds(group.vectors, given, task);
    if (handles !== 0)
      yield* storeNumbers(
        task,
        handles,
        group.vectors.map((vector) => session.ims.bindHandle(vector)),
      );
    if (creates) yield* createEventfds(group, (flags & IMS_ALLOC_NONBLOCK) !== 0, fds, task);
  } catch (error) {
    yield* session.free(group.id);
    throw error;
  }
  return { group: group.id, first_index: 0, got: nvec };
}

function* setEventfds(session: ImsSession, wanted: Decoded<typeof ims_eventfds>, task: Task): Kernel<void> {
  const { argsz, flags, group: id, start, count, reserved, fds } = wanted;
  assertPlain({ argsz, size: ims_eventfds.size, unknown: [flags, reserved] });
  const group = session.groups.get(id);
  if (group === undefined || start + count > group.vectors.length || count === 0)
    throw new Errno('EINVAL', `group ${id} has no vectors ${start} to ${start + count - 1}`);
  yield* bindEventfds(group.vectors.slice(start, start + count), yield* fetchFds(task, fds, count), task);
}

function info(session: ImsSession) {
  const { ims, client, queue } = session;
  const { mode, storage, remapping, slots, perOpenVectors } = ims.settings;
  const flag = (isSet: boolean, bit: number) => (isSet ? bit : 0);
  return {
    version: 1,
    flags:
      flag(mode === 'dynamic', IMS_INFO_DYNAMIC) |
      flag(storage === 'context', IMS_INFO_CONTEXT) |
      flag(ims.isRemapped, IMS_INFO_REMAPPED) |
      flag(remapping === 'require', IMS_INFO_REMAP_REQUIRED) |
      flag(queue?.isShared === true, IMS_INFO_SHARED_WQ) |
      flag(client.pasid !== undefined, IMS_INFO_PASID),
    slots: storage === 'array' ? slots : 0,
    in_use: ims.inUse,
    wq: queue?.number ?? 0,
    pasid: client.pasid ?? 0,
    auto_group: session.autoGroup,
    next_group: ims.nextGroup,
    vectors_per_open: perOpenVectors,
    max_nvec: IMS_MAX_NVEC,
    ims_offset: ims.offset,
  };
}

/** The entries for a driver's table. @param sessionOf what a file has; undefined before it has any: ENOTTY then */
export function imsRequests<P>(sessionOf: (file: File<P>) => ImsSession | undefined): IoctlEntry<P>[] {
  const of = (file: File<P>, task: Task): ImsSession => {
    const session = sessionOf(file);
    if (session === undefined) throw new Errno('ENOTTY', 'the device has no message store');
    session.assertOwner(task);
    return session;
  };
  return [
    on(IMS_GET_INFO, (file: File<P>, _none, task) => info(of(file, task))),
    on(IMS_ALLOC_GROUP, (file: File<P>, wanted, task) => allocate(of(file, task), wanted, task)),
    on(IMS_FREE_GROUP, function* (file: File<P>, { group, reserved }, task) {
      const session = of(file, task);
      assertPlain({ unknown: [reserved] });
      yield* session.free(group);
    }),
    on(IMS_SET_EVENTFD, (file: File<P>, wanted, task) => setEventfds(of(file, task), wanted, task)),
    on(IMS_GET_VECTOR, (file: File<P>, { argsz, group, index }, task) => {
      const session = of(file, task);
      assertPlain({ argsz, size: 64, unknown: [] });
      return describeVector(session.ims, session.vector(group, index));
    }),
    on(IMS_MASK, function* (file: File<P>, { group, index, op, reserved }, task) {
      const session = of(file, task);
      assertPlain({ unknown: [reserved] });
      if (op !== IMS_OP_MASK && op !== IMS_OP_UNMASK) throw new Errno('EINVAL', `${op} is neither mask nor unmask`);
      yield* session.ims.setMask(session.vector(group, index), op === IMS_OP_MASK);
    }),
    on(IMS_TRIGGER, (file: File<P>, { group, index, count, flags }, task) => {
      const session = of(file, task);
      assertPlain({ unknown: [flags & ~IMS_TRIGGER_RAW] });
      session.ims.trigger(session.vector(group, index), count, { pasid: session.client.pasid, isRaw: flags === IMS_TRIGGER_RAW });
    }),
    on(IMS_BIND_HANDLE, (file: File<P>, { group, index, op, reserved }, task) => {
      const session = of(file, task);
      assertPlain({ unknown: [reserved] });
      return { handle: changeHandle(session, session.vector(group, index), op) };
    }),
  ];
}

/** @returns the handle that there is, or was @throws Errno EINVAL */
function changeHandle({ ims }: ImsSession, vector: ImsVector, op: number): number {
  if (op === IMS_HANDLE_GET) return ims.bindHandle(vector);
  if (op !== IMS_HANDLE_RELEASE && op !== IMS_HANDLE_REVOKE) throw new Errno('EINVAL', `${op} is nothing to do with a handle`);
  const { handle } = vector;
  if (handle === undefined) throw new Errno('EINVAL', 'the vector has no handle');
  ims.releaseHandle(vector);
  return handle;
}
