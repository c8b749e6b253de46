import { createRequire } from 'node:module';

/** Opaque: what {@link Addon.stop} takes. */
export interface Watcher {
  readonly watcher: unique symbol;
}

/** Who connected, by the kernel's word. */
export interface Connection {
  readonly socket: number;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly pidfd: number;
}

/** Nothing waits for the server: it may sleep. */
export const NOTHING = -1;
/** Let the event loop run, then ask again. */
export const COME_BACK = -2;

/** Events that are reported at a time. */
export const EVENTS_MAX = 64;
export const REPORT_SIZE = EVENTS_MAX + 2;

/** The native addon (native-shims/addon). A result below 0 is a negated errno. */
export interface Addon {
  /**
   * Makes the set of events that the server must know of before it serves a call.
   *
   * @param report {@link REPORT_SIZE} doubles, which {@link next} and {@link collect} fill: the host's monotonic time in nanoseconds,
   *   how many events there were, their keys
   * @returns the set's descriptor, readable when something has happened
   */
  start(report: ArrayBuffer): number;
  /** @param call when the process has rung its doorbell */
  addClient(region: ArrayBuffer, bell: number, flags: number, call: () => void): number;
  removeClient(index: number): void;
  /** Reports events that there was no room for. */
  collect(): void;
  /** Publishes a slot's new state, unless it is {@link NOTHING}, and finds the next slot that waits for the server. */
  next(slot: number, state: number): number;
  /** Publishes a slot's new state. */
  answer(slot: number, state: number): void;

  memfd(name: string, size: number): number;
  reopen(fd: number, flags: number): number;
  close(fd: number): number;
  identity(fd: number): [dev: number, ino: number] | number;
  /** @param offset into the file, 0 when left out */
  map(fd: number, length: number, offset?: number): ArrayBuffer | number;
  unmap(buffer: ArrayBuffer): number;
  /** F_GET_SEALS: F_SEAL_ bits. */
  seals(fd: number): number;
  /** st_size. */
  fileSize(fd: number): number;
  /** fallocate: makes the pages of a range that are not there. */
  allocate(fd: number, offset: number, length: number): number;
  soleHolder(fd: number): boolean;
  inotify(): number;
  watch(inotify: number, fd: number, mask: number): number;
  unwatch(inotify: number, watch: number): number;
  /** Pairs of watch and mask. */
  watchEvents(inotify: number): number[] | null;
  event(): number;
  /** Makes an eventfd readable. */
  signal(event: number): number;
  now(): number;
  /** The soft limit on descriptors becomes the hard one. From then on {@link memfd}, {@link reopen} and {@link event} leave the last ones free. */
  raiseFileLimit(): number;

  /** @param isStream whether it is a stream's socket instead of one of packets @returns its descriptor */
  listen(path: string, isStream?: boolean): number;
  accept(listener: number): Connection | number;
  send(socket: number, ...fds: number[]): number;
  /** Tells who connected by which errno that failed. */
  refuse(socket: number, errno: number): number;
  receive(socket: number): { readonly fd: number; readonly slot: number } | number;

  onReadable(fd: number, call: () => void): Watcher;
  stop(watcher: Watcher): void;
  epollAdd(epoll: number, fd: number, events: number, key: number): number;
  epollDelete(epoll: number, fd: number): number;
  pipe(): [readEnd: number, writeEnd: number] | number;
  /** Makes the read end readable. */
  fillPipe(writeEnd: number): number;
  /** And no longer. */
  emptyPipe(writeEnd: number): number;

  /** What `ioctopus doctor` tries: 0, or a negated errno. */
  tryOwnMemory(): number;
  tryPeer(): number;
  /** In a program under the preload library. */
  tryHeap(path: string): number;
}

/** Loads the addon that the build made. @throws Error when it was not built: there was no C compiler */
export function loadAddon(path: string): Addon {
  return createRequire(import.meta.url)(path) as Addon;
}

/** The result of an addon call that must not fail. */
export function must(result: number, what: string): number {
  if (result < 0) throw new Error(`${what} failed with errno ${-result}`);
  return result;
}
