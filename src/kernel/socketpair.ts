import { Errno } from '../abi/index.ts';
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
} from '../abi/uapi/index.ts';
import type { Kernel } from './colour.ts';
import { type File, type FileOperations, waitOrAgain } from './file.ts';
import { socketReadIter, socketWriteIter } from './socket-fs.ts';
import type { SocketsInFlight } from './sockets-in-flight.ts';
import type { System } from './system.ts';
import { WaitQueue } from './wait.ts';

/** One message under way. The files in it are held by it until somebody receives them. */
interface Message {
  readonly bytes: Uint8Array;
  readonly files: readonly File[];
}

/** net.core.wmem_default: bytes that may be under way in one direction. */
const BYTES_UNDER_WAY_MAX = 212_992;
/** SCM_MAX_FD. */
const FILES_PER_MESSAGE_MAX = 253;

/** Keys of sock_def_readable and unix_write_space. */
const READABLE = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND;
const WRITABLE = POLLOUT | POLLWRNORM | POLLWRBAND;

/** One end of a pair of AF_UNIX sockets of type SOCK_SEQPACKET: what programs pass descriptors through. */
class SocketEnd {
  peer: SocketEnd | undefined;
  readonly inbox: Message[] = [];
  bytesUnderWay = 0;
  /** sk_err: the other end was closed with messages that nobody had read; the next call says so. */
  isReset = false;
  readonly changed = new WaitQueue('a message or room on a socket');
  readonly #inFlight: SocketsInFlight;

  constructor(inFlight: SocketsInFlight) {
    this.#inFlight = inFlight;
  }

  put(message: Message): void {
    this.inbox.push(message);
    this.bytesUnderWay += message.bytes.length;
    this.#inFlight.sent(message.files);
    this.changed.wake(READABLE);
  }

  take(): Message | undefined {
    const message = this.inbox.shift();
    if (message === undefined) return undefined;
    this.bytesUnderWay -= message.bytes.length;
    this.#inFlight.taken(message.files);
    this.peer?.changed.wake(WRITABLE);
    return message;
  }

  /** sock_error. @throws Errno ECONNRESET, once */
  takeError(): void {
    if (!this.isReset) return;
    this.isReset = false;
    throw new Errno('ECONNRESET', 'the other end was closed with messages unread');
  }

  drop(): void {
    const files = this.inbox.flatMap((message) => message.files);
    this.inbox.length = 0;
    this.bytesUnderWay = 0;
    this.#inFlight.taken(files);
    for (const file of files) file.put();
  }

  *files(): Iterable<File> {
    for (const message of this.inbox) yield* message.files;
  }

  /** The last descriptor and the last message with it are gone. */
  release(file: File): void {
    const { peer } = this;
    this.peer = undefined;
    if (peer !== undefined) {
      peer.peer = undefined;
      peer.isReset = this.inbox.length > 0;
      peer.changed.wakeAll();
    }
    this.drop();
    this.#inFlight.released(file);
  }
}

function* receive(file: File<SocketEnd>): Kernel<Message | undefined> {
  const end = file.private;
  yield* waitOrAgain(file, end.changed, () => end.inbox.length > 0 || end.peer === undefined);
  end.takeError();
  return end.take();
}

function* send(file: File<SocketEnd>, message: Message): Kernel<number> {
  const end = file.private;
  end.takeError();
  if (file.system.faults.fails('alloc', 'struct sk_buff') !== undefined) throw new Errno('ENOBUFS', 'no memory for a message');
  const room = () => end.peer === undefined || end.peer.bytesUnderWay + message.bytes.length <= BYTES_UNDER_WAY_MAX;
  if (message.bytes.length > BYTES_UNDER_WAY_MAX) throw new Errno('EMSGSIZE', `a message may have ${BYTES_UNDER_WAY_MAX} bytes`);
  yield* waitOrAgain(file, end.changed, room);
  if (end.peer === undefined) throw new Errno('EPIPE', 'the other end is closed');
  end.peer.put(message);
  return message.bytes.length;
}

const operations: FileOperations<SocketEnd> = {
  readIter: socketReadIter,
  writeIter: socketWriteIter,

  release(file) {
    file.private.release(file);
  },

  *read(file, to) {
    const message = yield* receive(file);
    if (message === undefined) return 0;
    for (const passed of message.files) passed.put();
    return message.bytes.length === 0 ? 0 : yield* to.put(message.bytes);
  },

  *write(file, from) {
    return yield* send(file, { bytes: yield* from.take(from.remaining), files: [] });
  },

  poll(file, table) {
    const end = file.private;
    table.wait(end.changed);
    let mask = end.isReset ? POLLERR : 0;
    if (end.inbox.length > 0) mask |= POLLIN | POLLRDNORM;
    if (end.peer === undefined) mask |= POLLIN | POLLRDNORM | WRITABLE | POLLHUP | POLLRDHUP;
    else if (end.peer.bytesUnderWay < BYTES_UNDER_WAY_MAX) mask |= WRITABLE;
    return mask;
  },
};

/** socketpair(2) with AF_UNIX and SOCK_SEQPACKET. @param flags O_NONBLOCK or 0 */
export function openPair({ sockets }: System, flags: number): [File<SocketEnd>, File<SocketEnd>] {
  const one = new SocketEnd(sockets.inFlight);
  const other = new SocketEnd(sockets.inFlight);
  one.peer = other;
  other.peer = one;
  const open = (end: SocketEnd) => {
    const file = sockets.open(operations, end, flags);
    sockets.inFlight.opened(file, end);
    return file;
  };
  const first = open(one);
  try {
    return [first, open(other)];
  } catch (error) {
    first.put();
    throw error;
  }
}

function socketOf(file: File): File<SocketEnd> {
  if (!(file.private instanceof SocketEnd)) throw new Errno('ENOTSOCK', `${file.path} is not a socket`);
  return file;
}

/**
 * sendmsg(2) with SCM_RIGHTS. The message has references of its own to the files, from before it waits for room.
 *
 * @throws Errno ENOTSOCK, EINVAL for more than 253 files, EMSGSIZE, EAGAIN, EPIPE (sockets with messages send no SIGPIPE), ECONNRESET,
 *   ERESTARTSYS
 */
export function* sendMessage(file: File, bytes: Uint8Array, files: readonly File[]): Kernel<number> {
  if (files.length > FILES_PER_MESSAGE_MAX) throw new Errno('EINVAL', `a message may carry ${FILES_PER_MESSAGE_MAX} descriptors`);
  const socket = socketOf(file);
  if (files.length > 0) file.system.kmalloc('struct scm_fp_list');
  for (const passed of files) passed.get();
  try {
    return yield* send(socket, { bytes, files });
  } catch (error) {
    for (const passed of files) passed.put();
    throw error;
  }
}

/** recvmsg(2). @returns undefined when the other end is closed @throws Errno ENOTSOCK, EAGAIN, ERESTARTSYS */
export function receiveMessage(file: File): Kernel<{ readonly bytes: Uint8Array; readonly files: readonly File[] } | undefined> {
  return receive(socketOf(file));
}
