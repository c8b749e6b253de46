import { Errno } from '../../../abi/index.ts';
import { EPOLL_CTL_DEL } from '../../../abi/uapi/index.ts';
import { calls, type EpollEvent, type File, type Kernel } from '../../../kernel/index.ts';
import type { NativeEpoll } from '../native-epolls.ts';
import * as protocol from '../protocol.ts';
import { outcome, type Slot } from '../slot.ts';
import type { Call, Readers } from './call.ts';

const EVENT_SIZE = 16;
const EVENTS_MAX = Math.floor(protocol.IO_DATA_SIZE / EVENT_SIZE);

/** The epoll descriptor that came with a request, if one was announced. */
const sentWith = (slot: Slot, flags: number) => ((flags & protocol.IO_EPOLL_SENT) !== 0 ? slot.client.takeReceived(slot.index) : undefined);

/** Does something with it, and closes it. */
function* closing<T>(slot: Slot, fd: number | undefined, work: Kernel<T>): Kernel<T> {
  try {
    return yield* work;
  } finally {
    if (fd !== undefined) slot.client.server.addon.close(fd);
  }
}

/** The set of a descriptor that was sent, which the process has from now on shown to have. */
function shown(slot: Slot, fd: number): NativeEpoll | undefined {
  const { client } = slot;
  const epoll = client.server.epolls.identify(fd);
  if (epoll !== undefined) client.epolls.add(epoll.number);
  return epoll;
}

interface Control {
  readonly epfd: number;
  readonly op: number;
  readonly fd: number;
  readonly target: File;
  readonly event: EpollEvent | undefined;
}

function* controlSet(slot: Slot, epoll: NativeEpoll, { op, fd, target, event }: Control): Kernel<number> {
  yield* calls.controlEpoll(slot.task, epoll.file, op, fd, target, event);
  yield* epoll.verify();
  return 0;
}

/** The first entry of an epoll descriptor: it gets a set, and the program's thread has it watch the set's pipe. */
function* controlNew(slot: Slot, { epfd, op, fd, target, event }: Control): Kernel<number> {
  const { task, client } = slot;
  const { epolls, addon } = client.server;
  const file = epolls.makeFile();
  try {
    yield* calls.controlEpoll(task, file, op, fd, target, event);
  } catch (error) {
    file.put();
    throw error;
  }
  const { epoll, readEnd } = epolls.make(file);
  try {
    outcome(yield* client.sending(readEnd, () => slot.ask(protocol.IO_UP_WATCH, epfd, epoll.number)), 'a watched pipe');
    client.epolls.add(epoll.number);
    yield* epoll.verify();
    return 0;
  } catch (error) {
    epolls.drop(epoll.number);
    throw error;
  } finally {
    addon.close(readEnd);
  }
}

function* control(slot: Slot, number: number, flags: number, sent: number | undefined, what: Control): Kernel<number> {
  const { task, client } = slot;
  const { epolls, foreignFile } = client.server;
  if ((flags & protocol.IO_EPOLL_FOREIGN) !== 0) {
    return yield* calls.controlEpoll(task, foreignFile, what.op, what.fd, what.target, what.event);
  }
  const known = client.epolls.has(number) ? epolls.get(number) : undefined;
  if (known !== undefined) return yield* known.holding(controlSet(slot, known, what));
  if (sent === undefined) throw new Errno('ESTALE', 'the process has not shown that it has the set');
  yield* epolls.making.lock();
  try {
    const epoll = shown(slot, sent);
    return yield* epoll === undefined ? controlNew(slot, what) : epoll.holding(controlSet(slot, epoll, what));
  } finally {
    epolls.making.unlock();
  }
}

/** The target stays while the call may wait. */
function* holdingTarget(slot: Slot, fd: number, work: (target: File) => Kernel<number>): Kernel<number> {
  const target = yield* slot.task.files.get(fd);
  try {
    return yield* work(target);
  } finally {
    target.put();
  }
}

function controlCall(slot: Slot, fd: number): Call {
  const [epfd, number, op] = [slot.argument(0) | 0, slot.argument(1), slot.argument(2) | 0];
  const event = op === EPOLL_CTL_DEL ? undefined : { events: slot.argument(3) >>> 0, data: slot.bits(4) };
  const flags = slot.argument(5);
  const sent = sentWith(slot, flags);
  return {
    name: 'epoll_ctl',
    args: [epfd, op, fd, event ?? 0],
    begin: () =>
      closing(
        slot,
        sent,
        holdingTarget(slot, fd, (target) => control(slot, number, flags, sent, { epfd, op, fd, target, event })),
      ),
  };
}

function* collect(slot: Slot, number: number, sent: number | undefined, max: number, events: EpollEvent[]): Kernel<number> {
  const { client } = slot;
  if (sent !== undefined) shown(slot, sent);
  const epoll = client.epolls.has(number) ? client.server.epolls.get(number) : undefined;
  if (epoll === undefined) throw new Errno('ESTALE', 'the process has not shown that it has the set');
  return yield* epoll.holding(report(epoll, max, events));
}

function* report(epoll: NativeEpoll, max: number, events: EpollEvent[]): Kernel<number> {
  const count = yield* epoll.set.send(max, function* (_index, event) {
    events.push(event);
    return true;
  });
  epoll.settle();
  yield* epoll.verify();
  return count;
}

function collectCall(slot: Slot): Call {
  const [epfd, number, wanted, flags, timeout] = [0, 1, 2, 3, 4].map((index) => slot.argument(index)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const sent = sentWith(slot, flags);
  const events: EpollEvent[] = [];
  return {
    name: 'epoll_wait',
    args: [epfd, events, wanted, timeout],
    begin: () => closing(slot, sent, collect(slot, number, sent, Math.min(wanted, EVENTS_MAX), events)),
    end: (count: number) => {
      const { view } = slot.client;
      for (const [i, event] of events.entries()) {
        view.setUint32(slot.dataAt + i * EVENT_SIZE, event.events, true);
        view.setBigUint64(slot.dataAt + i * EVENT_SIZE + 8, event.data, true);
      }
      return count;
    },
  };
}

/** epoll over emulated files: the program's kernel does the rest. */
export const epoll: Readers = { [protocol.IO_EPOLL_CTL]: controlCall, [protocol.IO_EPOLL_COLLECT]: collectCall };
