/** A gadget whose programs move words in every way there is, and a host that stalls, resets and pulls the plug at any packet. */
import { isErrno } from '../../src/abi/index.ts';
import {
  DMA_HEAP_IOCTL_ALLOC,
  FUNCTIONFS_CLEAR_HALT,
  FUNCTIONFS_DMABUF_ATTACH,
  FUNCTIONFS_DMABUF_TRANSFER,
  IOCB_CMD_PREAD,
  IOCB_CMD_PWRITE,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  POLLOUT,
  USB_DIR_IN,
  USB_DIR_OUT,
  USB_ENDPOINT_HALT,
  USB_RECIP_ENDPOINT,
  USB_REQ_SET_FEATURE,
} from '../../src/abi/uapi/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { type Kernel, sleep } from '../../src/kernel/index.ts';
import { bulkMessage, clearHalt, controlMessage, resetDevice } from '../../src/usb/index.ts';
import { FunctionFixture, MOUNT } from '../drivers/functionfs/fixture.ts';
import { randomFrom } from './random.ts';

const WORDS_MAX = 1000;
const HOST_STEPS = 8;
/** How long the gadget's programs wait when their endpoint is not enabled. */
const RETRY_ms = 20;

/**
 * Words that count up, from one end to the other. What arrives must count up, too; a gap may begin only before words that had been taken when
 * something went wrong, as Linux loses what was under way then.
 */
class Stream {
  #next = 1;
  #last = 0;
  /** Words below it may be lost. */
  #lostBelow = 0;
  words = 0;

  take(count: number): Uint8Array {
    const words = Uint32Array.from({ length: count }, () => this.#next++);
    return new Uint8Array(words.buffer);
  }

  /** Something was lost that had been taken, or may have been. */
  disturbed(): void {
    this.#lostBelow = this.#next;
  }

  arrived(bytes: Uint8Array): void {
    const words = new Uint32Array(bytes.slice(0, bytes.length & ~3).buffer);
    for (const word of words) {
      if (word <= this.#last) throw new Error(`word ${word} arrives after ${this.#last}`);
      if (word !== this.#last + 1 && this.#last + 1 >= this.#lostBelow) throw new Error(`words ${this.#last + 1} to ${word - 1} are lost`);
      this.#last = word;
      this.words++;
    }
  }
}

/** A gadget that moves words in every way there is, and a host that disturbs it at any packet. */
class Scenario {
  readonly fixture: FunctionFixture;
  readonly toHost = new Stream();
  readonly toGadget = new Stream();
  readonly #below: (below: number) => number;
  readonly #controller: 'dummy_udc.0' | 'sg_udc.0';
  #isOver = false;

  constructor(seed: number) {
    this.#below = randomFrom(seed);
    this.#controller = this.#below(2) === 0 ? 'dummy_udc.0' : 'sg_udc.0';
    this.fixture = new FunctionFixture({ seed });
  }

  get #words(): number {
    return 1 + this.#below(WORDS_MAX);
  }

  #disturbed(): void {
    this.toHost.disturbed();
    this.toGadget.disturbed();
  }

  run(): void {
    const { fixture } = this;
    fixture.describe().bind(this.#controller);
    const { machine } = fixture;
    let left = 0;
    const programs = [this.#sends, this.#receives, this.#host].map((program) => {
      left++;
      const body = (sys: Sys<'task'>) => program.call(this, sys);
      return machine.spawn(function* (sys) {
        try {
          yield* body(sys);
        } finally {
          left--;
        }
      });
    });
    machine.system.scheduler.runUntil(() => left === 0, 'the scenario');
    for (const program of programs) program.result();
    fixture.end();
  }

  /** An end of the gadget: it does not wait to be enabled, so that it ends with the scenario. */
  *#endpoint(sys: Sys<'task'>, name: string, work: (fd: number) => Kernel<void>): Kernel<void> {
    const fd = yield* sys.open(`${MOUNT}/${name}`, O_RDWR | O_NONBLOCK);
    while (!this.#isOver) {
      try {
        yield* work(fd);
      } catch (error) {
        if (!isErrno(error)) throw error;
        this.#disturbed();
        yield* sys.poll([], RETRY_ms);
      }
    }
    yield* sys.close(fd);
  }

  *#sends(sys: Sys<'task'>): Kernel<void> {
    const heap = yield* sys.open('/dev/dma_heap/system', O_RDWR);
    const { fd: buffer } = yield* sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 4096, fd_flags: O_RDWR | O_CLOEXEC });
    const view = yield* sys.mmap(buffer, { length: 4096 });
    const context = yield* sys.io_setup(4);
    let isAttached = false;
    const scenario = this;
    yield* this.#endpoint(sys, 'ep1', function* (fd) {
      switch (scenario.#below(scenario.#controller === 'sg_udc.0' ? 4 : 2)) {
        case 0:
          yield* sys.write(fd, scenario.toHost.take(scenario.#words));
          break;
        case 1:
          yield* scenario.#submits(sys, context, fd, IOCB_CMD_PWRITE);
          break;
        default: {
          if (!isAttached) yield* sys.ioctl(fd, FUNCTIONFS_DMABUF_ATTACH, buffer);
          isAttached = true;
          const bytes = scenario.toHost.take(1 + scenario.#below(1024));
          view.bytes.set(bytes);
          yield* sys.ioctl(fd, FUNCTIONFS_DMABUF_TRANSFER, { fd: buffer, flags: 0, length: bytes.length });
          // Every fence signals: a wait that does not end fails the machine.
          yield* sys.poll([{ fd: buffer, events: POLLOUT }]);
        }
      }
    });
    yield* sys.io_destroy(context);
    yield* sys.munmap(view);
    yield* sys.close(buffer);
    yield* sys.close(heap);
  }

  *#receives(sys: Sys<'task'>): Kernel<void> {
    const context = yield* sys.io_setup(4);
    const scenario = this;
    yield* this.#endpoint(sys, 'ep2', function* (fd) {
      switch (scenario.#below(8)) {
        case 0:
        case 1:
        case 2:
          yield* scenario.#submits(sys, context, fd, IOCB_CMD_PREAD);
          break;
        case 3:
          // The wrong direction halts the endpoint until somebody clears that.
          yield* scenario.#halts(sys, fd);
          break;
        default:
          scenario.toGadget.arrived(yield* sys.read(fd, 4 * scenario.#words));
      }
    });
    yield* sys.io_destroy(context);
  }

  *#halts(sys: Sys<'task'>, fd: number): Kernel<void> {
    try {
      yield* sys.write(fd, 'any');
    } catch (error) {
      if (!isErrno(error, 'EBADMSG')) throw error;
    }
    yield* sys.poll([], 1 + this.#below(20));
    if (this.#below(2) === 0) yield* sys.ioctl(fd, FUNCTIONFS_CLEAR_HALT);
  }

  /** Up to three requests of io_submit, until all have ended. */
  *#submits(sys: Sys<'task'>, context: number, fd: number, opcode: number): Kernel<void> {
    const spaces = Array.from({ length: 1 + this.#below(3) }, () => {
      const bytes = opcode === IOCB_CMD_PWRITE ? this.toHost.take(this.#words) : new Uint8Array(4 * this.#words);
      const space = sys.allocate(bytes.length);
      space.bytes.set(bytes);
      return space;
    });
    const requests = spaces.map(({ address, bytes }) =>
      sys.iocb({ aio_fildes: fd, aio_lio_opcode: opcode, aio_buf: BigInt(address), aio_nbytes: BigInt(bytes.length) }),
    );
    yield* sys.io_submit(context, requests);
    const ended = yield* sys.io_getevents(context, requests.length, requests.length);
    for (const [index, request] of requests.entries()) {
      const { res } = ended.find(({ obj }) => obj === request) as { res: number };
      if (res < 0) this.#disturbed();
      else if (opcode === IOCB_CMD_PREAD) this.toGadget.arrived((spaces[index] as { bytes: Uint8Array }).bytes.subarray(0, res));
    }
    if (ended.some(({ res }) => res < 0)) yield* sys.poll([], RETRY_ms);
  }

  *#host(sys: Sys<'task'>): Kernel<void> {
    for (let step = 0; step < HOST_STEPS; step++) {
      try {
        yield* this.#hostStep();
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        this.#disturbed();
        yield* sys.poll([], 5);
      }
    }
    this.fixture.controllers[this.#controller === 'dummy_udc.0' ? 'dummy' : 'sg'].onPacket = undefined;
    this.#isOver = true;
    this.#disturbed();
    yield* this.#unbind(sys);
  }

  *#unbind(sys: Sys<'task'>): Kernel<void> {
    const fd = yield* sys.open('/sys/kernel/config/usb_gadget/g/UDC', O_RDWR);
    yield* sys.write(fd, '\n');
    yield* sys.close(fd);
  }

  *#hostStep(): Kernel<void> {
    const { fixture } = this;
    const link = fixture.controllers[this.#controller === 'dummy_udc.0' ? 'dummy' : 'sg'];
    switch (this.#below(12)) {
      case 0:
        this.#disturbed();
        yield* resetDevice(fixture.device);
        this.#disturbed();
        break;
      case 1: {
        // The plug is pulled at some packet from now, and put back.
        let left = 1 + this.#below(10);
        link.onPacket = () => {
          if (--left !== 0) return;
          this.#disturbed();
          link.plug(false);
        };
        yield* this.#transfers();
        link.onPacket = undefined;
        link.plug(false);
        this.#disturbed();
        yield* sleep(2e8);
        link.plug(true);
        yield* sleep(5e8);
        break;
      }
      case 2:
        yield* clearHalt(fixture.device, fixture.endpoint(USB_DIR_OUT).desc.bEndpointAddress);
        break;
      case 3:
        yield* this.#stalls(fixture.endpoint(this.#below(2) === 0 ? USB_DIR_IN : USB_DIR_OUT).desc.bEndpointAddress);
        break;
      default:
        yield* this.#transfers();
    }
  }

  /** The host halts an endpoint itself, finds it so, and clears that. */
  *#stalls(wIndex: number): Kernel<void> {
    const { device } = this.fixture;
    this.#disturbed();
    yield* controlMessage(device, { bRequestType: USB_RECIP_ENDPOINT, bRequest: USB_REQ_SET_FEATURE, wValue: USB_ENDPOINT_HALT, wIndex });
    try {
      yield* this.#transfers();
    } finally {
      yield* clearHalt(device, wIndex);
    }
  }

  *#transfers(): Kernel<void> {
    const { fixture } = this;
    const options = { timeout_ms: 1 + this.#below(50) };
    if (this.#below(2) === 0) {
      const into = new Uint8Array(4 * WORDS_MAX);
      const length = yield* bulkMessage(fixture.endpoint(USB_DIR_IN), into, options);
      this.toHost.arrived(into.subarray(0, length));
    } else {
      const bytes = this.toGadget.take(this.#words);
      const length = yield* bulkMessage(fixture.endpoint(USB_DIR_OUT), bytes, options);
      // The gadget asked for less, and sees EOVERFLOW.
      if (length < bytes.length) this.toGadget.disturbed();
    }
  }
}

/**
 * Runs scenarios, each of which throws when a word is lost without a reason, comes twice, or something is left at the end.
 *
 * @returns how many words arrived in all of them
 */
export function runFunctionFsRounds(firstSeed: number, count: number): number {
  let words = 0;
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const scenario = new Scenario(seed);
    try {
      scenario.run();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    words += scenario.toHost.words + scenario.toGadget.words;
  }
  return words;
}
