import { epoll_event } from '../../../abi/uapi/index.ts';
import { calls, type EpollEvent, type Kernel, type PollEntry } from '../../../kernel/index.ts';
import type { Mode, Result } from '../caller.ts';
import { same } from './base.ts';
import { SocketSys } from './sockets.ts';

export interface PollQuestion {
  readonly fd: number;
  readonly events: number;
}

/** What an entry of an epoll set waits for. */
export interface EpollQuestion {
  readonly events: number;
  /** 64 bits that come back with each event; 0 when left out. */
  readonly data?: number | bigint;
}

const EVENTS_AT_A_TIME_MAX = 65536;

/** Waiting for events. */
export abstract class WaitingSys<M extends Mode> extends SocketSys<M> {
  /**
   * poll(2).
   *
   * @param timeout_ms of virtual time; -1 for no end, 0 to only look
   * @returns revents of each question
   */
  poll(questions: readonly PollQuestion[], timeout_ms = -1): Result<M, number[]> {
    const entries: PollEntry[] = questions.map(({ fd, events }) => ({ fd, events, revents: 0 }));
    const timeout_ns = timeout_ms < 0 ? Number.POSITIVE_INFINITY : timeout_ms * 1e6;
    return this.caller.call(
      'poll',
      [entries, timeout_ms],
      () => calls.poll(this.task, entries, timeout_ns),
      () => entries.map((entry) => entry.revents),
    );
  }

  /** epoll_create(2). @param size only has to be positive */
  epoll_create(size: number): Result<M, number> {
    return this.invoke('epoll_create', [size], () => calls.epoll_create(this.task, size));
  }

  /** epoll_create1(2). @param flags EPOLL_CLOEXEC */
  epoll_create1(flags = 0): Result<M, number> {
    return this.invoke('epoll_create1', [flags], () => calls.epoll_create1(this.task, flags));
  }

  /** epoll_ctl(2). @param event a NULL pointer when left out */
  epoll_ctl(epfd: number, op: number, fd: number, event?: EpollQuestion): Result<M, number> {
    if (event === undefined) return this.invoke('epoll_ctl', [epfd, op, fd, 0], () => calls.epoll_ctl(this.task, epfd, op, fd, 0));
    const { address, free } = this.struct(epoll_event, event);
    const begin = () => calls.epoll_ctl(this.task, epfd, op, fd, address);
    return this.caller.call('epoll_ctl', [epfd, op, fd, address], begin, same, free);
  }

  /**
   * epoll_wait(2).
   *
   * @param maxevents of more than 65536, so many come at a time
   * @param timeout_ms of virtual time; -1 for no end, 0 to only look
   * @returns the events that came, in order
   */
  epoll_wait(epfd: number, maxevents: number, timeout_ms = -1): Result<M, EpollEvent[]> {
    return this.#epollWait('epoll_wait', epfd, maxevents, timeout_ms, (address, count, timeout_ns) =>
      calls.epoll_wait(this.task, epfd, address, count, timeout_ns),
    );
  }

  /** epoll_pwait(2). @param blocked signals that are blocked instead of none while the call waits */
  epoll_pwait(epfd: number, maxevents: number, timeout_ms: number, blocked: readonly number[]): Result<M, EpollEvent[]> {
    return this.#epollWait('epoll_pwait', epfd, maxevents, timeout_ms, (address, count, timeout_ns) =>
      calls.epoll_pwait(this.task, epfd, address, count, timeout_ns, blocked),
    );
  }

  #epollWait(
    name: string,
    epfd: number,
    maxevents: number,
    timeout_ms: number,
    wait: (address: number, count: number, timeout_ns: number) => Kernel<number>,
  ): Result<M, EpollEvent[]> {
    const isAllowed = maxevents <= calls.EPOLL_EVENTS_MAX;
    const count = isAllowed ? Math.min(maxevents, EVENTS_AT_A_TIME_MAX) : maxevents;
    const room = this.room(isAllowed ? Math.max(count, 0) * epoll_event.size : 0);
    const timeout_ns = timeout_ms < 0 ? Number.POSITIVE_INFINITY : timeout_ms * 1e6;
    return this.caller.call(
      name,
      [epfd, room.address, maxevents, timeout_ms],
      () => wait(room.address, count, timeout_ns),
      (ready) =>
        Array.from({ length: ready }, (_, index) => {
          const at = this.space.readable(room.address + index * epoll_event.size, epoll_event.size);
          return epoll_event.decode(this.space.view, at);
        }),
      room.free,
    );
  }
}
