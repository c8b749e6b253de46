import { io_event, iocb } from '../../../abi/uapi/index.ts';
import { calls, type Kernel } from '../../../kernel/index.ts';
import type { Mode, Result } from '../caller.ts';
import { same } from './base.ts';
import { WaitingSys } from './waiting.ts';

/** How a request of io_submit ended. */
export interface AioEvent {
  readonly data: bigint;
  /** The address of the request. */
  readonly obj: number;
  /** Bytes moved, or a negated errno. */
  readonly res: number;
}

/** The members of a `struct iocb`; what is left out is 0. */
export type AioRequest = Partial<Parameters<typeof iocb.encode>[2]>;

/** Requests that end after the call that began them, and the counters that tell of it. */
export abstract class AioSys<M extends Mode> extends WaitingSys<M> {
  /** eventfd(2). @param flags EFD_ */
  eventfd(count = 0, flags = 0): Result<M, number> {
    return this.invoke('eventfd2', [count, flags], () => calls.eventfd2(this.task, count, flags));
  }

  /** Lays a `struct iocb` out in memory of the task's own. No call. @returns its address */
  iocb(fields: AioRequest): number {
    const memory = this.allocate(iocb.size);
    const { bytes } = memory;
    iocb.encode(new DataView(bytes.buffer, bytes.byteOffset), 0, fields as Required<AioRequest>);
    return memory.address;
  }

  /** io_setup(2). @returns the context */
  io_setup(requests: number): Result<M, number> {
    const room = this.room(8);
    this.space.bytes(room.address, 8).fill(0);
    return this.caller.call(
      'io_setup',
      [requests],
      () => calls.io_setup(this.task, requests, room.address),
      () => Number(this.space.view.getBigUint64(this.space.readable(room.address, 8), true)),
      room.free,
    );
  }

  io_destroy(context: number): Result<M, number> {
    return this.invoke('io_destroy', [context], () => calls.io_destroy(this.task, context));
  }

  /** io_submit(2). @param requests addresses of structs iocb */
  io_submit(context: number, requests: readonly number[]): Result<M, number> {
    const room = this.filled(new Uint8Array(BigUint64Array.from(requests, BigInt).buffer));
    const begin = () => calls.io_submit(this.task, context, requests.length, room.address);
    return this.caller.call('io_submit', [context, requests.length], begin, same, room.free);
  }

  /** io_cancel(2): never succeeds, EINPROGRESS says that the request ends. */
  io_cancel(context: number, request: number): Result<M, number> {
    return this.invoke('io_cancel', [context, request], () => calls.io_cancel(this.task, context, request));
  }

  /** io_getevents(2). @param timeout_ns of virtual time; Infinity for no end, 0 to only look */
  io_getevents(context: number, least: number, most: number, timeout_ns = Number.POSITIVE_INFINITY): Result<M, AioEvent[]> {
    return this.#events('io_getevents', context, least, most, (address) =>
      calls.io_getevents(this.task, context, least, most, address, timeout_ns),
    );
  }

  /** io_pgetevents(2). @param blocked signals that are blocked instead of none while the call waits */
  io_pgetevents(context: number, least: number, most: number, timeout_ns: number, blocked: readonly number[]): Result<M, AioEvent[]> {
    return this.#events('io_pgetevents', context, least, most, (address) =>
      calls.io_pgetevents(this.task, context, least, most, address, timeout_ns, blocked),
    );
  }

  #events(name: string, context: number, least: number, most: number, begin: (address: number) => Kernel<number>): Result<M, AioEvent[]> {
    const room = this.room(Math.max(most, 0) * io_event.size);
    const end = (count: number): AioEvent[] => {
      const bytes = this.space.load(room.address, count * io_event.size);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      return Array.from({ length: count }, (_, index) => {
        const { data, obj, res } = io_event.decode(view, index * io_event.size);
        return { data, obj, res: Number(res) };
      });
    };
    return this.caller.call(name, [context, least, most], () => begin(room.address), end, room.free);
  }
}
