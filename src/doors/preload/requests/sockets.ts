import { calls, type Kernel } from '../../../kernel/index.ts';
import * as protocol from '../protocol.ts';
import type { Slot } from '../slot.ts';
import { type Call, type Reader, type Readers, refused } from './call.ts';

type Five = readonly [number, number, number, number, number];

/** What a request does with its arguments behind the first. */
interface Handler {
  readonly name: string;
  /** How many of the arguments the trace shows: not the addresses. */
  readonly shown?: readonly number[];
  readonly run: (slot: Slot, fd: number, args: Five) => Kernel<number> | number;
}

const onSocket: Readonly<Record<number, Handler>> = {
  [protocol.IO_BIND]: { name: 'bind', run: ({ task }, fd, [at, length]) => calls.bind(task, fd, at, length) },
  [protocol.IO_CONNECT]: { name: 'connect', run: ({ task }, fd, [at, length]) => calls.connect(task, fd, at, length) },
  [protocol.IO_GETSOCKNAME]: { name: 'getsockname', run: ({ task }, fd, [at, lengthAt]) => calls.getsockname(task, fd, at, lengthAt) },
  [protocol.IO_GETPEERNAME]: { name: 'getpeername', run: ({ task }, fd, [at, lengthAt]) => calls.getpeername(task, fd, at, lengthAt) },
  [protocol.IO_LISTEN]: { name: 'listen', run: ({ task }, fd) => calls.notForDatagrams(task, fd) },
  [protocol.IO_SETSOCKOPT]: {
    name: 'setsockopt',
    shown: [0, 1],
    run: ({ task }, fd, [level, option, at, length]) => calls.setsockopt(task, fd, level, option, at, length),
  },
  [protocol.IO_GETSOCKOPT]: {
    name: 'getsockopt',
    shown: [0, 1],
    run: ({ task }, fd, [level, option, at, lengthAt]) => calls.getsockopt(task, fd, level, option, at, lengthAt),
  },
};

const ofMessages: Readonly<Record<number, Handler>> = {
  [protocol.IO_SENDTO]: {
    name: 'sendto',
    shown: [1, 2],
    run: ({ task }, fd, [at, length, flags, name, nameLength]) => calls.sendto(task, fd, at, length, flags, name, nameLength),
  },
  [protocol.IO_RECVFROM]: {
    name: 'recvfrom',
    shown: [1, 2],
    run: ({ task }, fd, [at, length, flags, name, lengthAt]) => calls.recvfrom(task, fd, at, length, flags, name, lengthAt),
  },
  [protocol.IO_SENDMSG]: { name: 'sendmsg', shown: [1], run: ({ task }, fd, [at, flags]) => calls.sendmsgAt(task, fd, at, flags) },
  [protocol.IO_RECVMSG]: { name: 'recvmsg', shown: [1], run: ({ task }, fd, [at, flags]) => calls.recvmsgAt(task, fd, at, flags) },
};

const argumentsOf = (slot: Slot) => [1, 2, 3, 4, 5].map((index) => slot.argument(index)) as unknown as Five;

const oneOf =
  (handlers: Readonly<Record<number, Handler>>): Reader =>
  (slot, fd): Call => {
    const kind = slot.argument(0);
    const handler = handlers[kind];
    if (handler === undefined) return refused(`socket call ${kind}`, [fd], 'ENOSYS');
    const args = argumentsOf(slot);
    return {
      name: handler.name,
      args: [fd, ...(handler.shown ?? []).map((index) => args[index])],
      begin: () => handler.run(slot, fd, args),
    };
  };

/** Sockets that events of devices come through. */
export const sockets: Readers = {
  [protocol.IO_SOCKET]: (slot) => {
    const [domain, type, kind] = argumentsOf(slot);
    return { name: 'socket', args: [domain, type, kind], begin: () => calls.socket(slot.task, domain, type, kind) };
  },
  [protocol.IO_SOCKET_CALL]: oneOf(onSocket),
  [protocol.IO_MESSAGE]: oneOf(ofMessages),
};
