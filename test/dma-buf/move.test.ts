import fc from 'fast-check';
import { O_RDWR, PAGE_SIZE } from '../../src/abi/uapi/index.ts';
import {
  allocateFenceContexts,
  DmaBuf,
  DmaFence,
  type DmaFenceOps,
  enableMoveNotify,
  DMA_RESV_USAGE_KERNEL as KERNEL,
} from '../../src/dma-buf/index.ts';
import { type BootedMachine, boot } from '../../src/index.ts';
import { type Kernel, sleep } from '../../src/kernel/index.ts';
import { DmaDevice, type DmaDirection, type PageRange } from '../../src/memory/index.ts';
import { Importer } from '../support/importer.ts';
import { describe, expect, run, test } from './fixture.ts';

const PLACES = 3;
const SIZE = 2 * PAGE_SIZE;
const COPY_NS = 20;
/** What a place shows that the buffer has left. */
const GONE = 0xdd;

const fenceOps: DmaFenceOps = { driverName: () => 'mover', timelineName: () => 'copies' };

/** An exporter that moves its memory between places, as those of graphics cards do. The copy takes a while, which a KERNEL fence tells. */
class Mover {
  readonly dmabuf: DmaBuf;
  /** Where devices find it. */
  current = 0;
  pins = 0;
  moves = 0;
  readonly #machine: BootedMachine;
  readonly #places: readonly PageRange[][];
  readonly #context: number;

  constructor(machine: BootedMachine) {
    const { system, ram } = machine;
    this.#machine = machine;
    this.#context = allocateFenceContexts(system);
    this.#places = Array.from({ length: PLACES }, () => {
      const memory = system.memory.allocate(SIZE, 'a place');
      return [0, PAGE_SIZE].map((offset) => ({ address: ram.allocate(0), memory, offset, length: PAGE_SIZE }));
    });
    this.dmabuf = new DmaBuf<unknown>(system, {
      exporterName: 'mover',
      size: SIZE,
      flags: O_RDWR,
      private: undefined,
      ops: {
        pin: () => void this.pins++,
        unpin: () => void this.pins--,
        mapDmaBuf: ({ device }, direction) => device.mapSg(this.#at(this.current), direction),
        unmapDmaBuf: ({ device }, mapping, direction) => device.unmapSg(mapping, direction),
        release: () => {
          for (const place of this.#places) {
            for (const { address } of place) ram.free(address, 0);
            place[0]?.memory.put();
          }
        },
      },
    });
  }

  #at(place: number): PageRange[] {
    return this.#places[place] as PageRange[];
  }

  #bytes(place: number): Uint8Array {
    return (this.#at(place)[0] as PageRange).memory.bytes();
  }

  /** Where the buffer begins for a device that sees physical addresses. */
  get address(): number | undefined {
    return this.#at(this.current)[0]?.address;
  }

  /** Moves the memory, unless it is pinned. */
  *move(): Kernel<void> {
    const { resv } = this.dmabuf;
    yield* resv.lock.lock();
    // One copy after the other.
    yield* resv.wait(KERNEL);
    if (this.pins === 0) {
      const [from, to] = [this.current, (this.current + 1) % PLACES];
      const fence = new DmaFence(this.#machine.system, { ops: fenceOps, context: this.#context, seqno: ++this.moves });
      resv.reserveFences(1);
      resv.addFence(fence, KERNEL);
      yield* this.dmabuf.moveNotify();
      this.current = to;
      this.#machine.system.clock.schedule(COPY_NS, 'a copy', () => {
        this.#bytes(to).set(this.#bytes(from));
        this.#bytes(from).fill(GONE);
        fence.signal();
        fence.put();
      });
    }
    resv.unlock();
  }
}

const DIRECTIONS: readonly DmaDirection[] = ['bidirectional', 'to-device', 'from-device'];

type Step =
  | { readonly kind: 'map'; readonly direction: DmaDirection }
  | { readonly kind: 'unmap' | 'pin' | 'unpin' | 'read' | 'move' }
  | { readonly kind: 'write'; readonly offset: number; readonly value: number };

interface Script {
  readonly isDynamic: boolean;
  /** Each with the pause before it. */
  readonly steps: readonly (readonly [pause_ns: number, step: Step])[];
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('map' as const), direction: fc.constantFrom(...DIRECTIONS) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'move' as const, 'move' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('write' as const), offset: fc.nat(SIZE - 1), value: fc.integer({ min: 1, max: 0xcc }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('unmap' as const, 'pin' as const, 'unpin' as const) }) },
);

const script: fc.Arbitrary<Script> = fc.record({
  // A static importer pins the buffer as long as it is attached.
  isDynamic: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  steps: fc.array(fc.tuple(fc.nat(30), step), { minLength: 3, maxLength: 20 }),
});

/** What an importer does by its script; it checks what it sees. @returns how often the memory moved away under its mapping */
function* follow(name: string, { isDynamic, steps }: Script, mover: Mover, model: Uint8Array, machine: BootedMachine): Kernel<number> {
  const device = new DmaDevice(machine.system, { name });
  const importer = yield* Importer.attach(device, mover.dmabuf, isDynamic);
  const { attachment } = importer;
  const { resv } = mover.dmabuf;
  let direction: DmaDirection | undefined;
  let pins = 0;
  for (const [pause_ns, one] of steps) {
    yield* sleep(pause_ns);
    switch (one.kind) {
      case 'map': {
        if (direction !== undefined) break;
        direction = one.direction;
        const table = yield* importer.map(direction);
        expect(table.segments[0]?.busAddress, `${name} is led to where the buffer is`).toBe(mover.address);
        break;
      }
      case 'unmap':
        direction = undefined;
        yield* importer.unmap();
        break;
      case 'pin':
      case 'unpin': {
        if (!isDynamic || (one.kind === 'unpin' && pins === 0)) break;
        yield* resv.lock.lock();
        yield* one.kind === 'pin' ? attachment.pin() : attachment.unpin();
        pins += one.kind === 'pin' ? 1 : -1;
        resv.unlock();
        break;
      }
      case 'read': {
        if (direction === undefined || direction === 'from-device') break;
        const seen = yield* importer.read(0, SIZE);
        expect(Buffer.compare(seen, model), `${name} sees what was written last`).toBe(0);
        break;
      }
      case 'write':
        if (direction === undefined || direction === 'to-device') break;
        yield* importer.write(one.offset, Uint8Array.of(one.value));
        model[one.offset] = one.value;
        break;
      case 'move':
        yield* mover.move();
        break;
    }
  }
  for (; pins > 0; pins--) {
    yield* resv.lock.lock();
    yield* attachment.unpin();
    resv.unlock();
  }
  yield* importer.detach();
  return importer.moves;
}

describe('a buffer that moves', () => {
  test.for([true, false])('is where the mappings of its importers lead, with move notification: %s', (hasMoveNotify) => {
    let moves = 0;
    let movesOfMapped = 0;
    fc.assert(
      fc.property(fc.array(script, { minLength: 1, maxLength: 4 }), fc.nat(), (scripts, seed) => {
        const machine = boot(undefined, { seed });
        if (hasMoveNotify) enableMoveNotify(machine.system);
        const mover = new Mover(machine);
        const model = new Uint8Array(SIZE);
        const programs = scripts.map((each, index) => machine.spawn(() => follow(`device${index}`, each, mover, model, machine)));
        const { scheduler } = machine.system;
        scheduler.runUntil(() => scheduler.alive.size === 0, 'the importers');
        for (const program of programs) movesOfMapped += program.result();
        run(machine, sleep(COPY_NS));
        expect([mover.pins, mover.dmabuf.attachments.length]).toEqual([0, 0]);
        moves += mover.moves;
        mover.dmabuf.put();
        machine.shutdown();
      }),
      { numRuns: 300 },
    );
    // Otherwise nothing was tried.
    expect(moves).toBeGreaterThan(100);
    if (hasMoveNotify) expect(movesOfMapped).toBeGreaterThan(30);
    else expect(movesOfMapped, 'what is mapped is pinned').toBe(0);
  });

  test('is not where an importer looks that does not listen', ({ machine }) => {
    enableMoveNotify(machine.system);
    const mover = new Mover(machine);
    const device = new DmaDevice(machine.system, { name: 'deaf' });
    run(
      machine,
      (function* () {
        const attachment = yield* mover.dmabuf.dynamicAttach(device, { moveNotify: () => {} }, undefined);
        const table = yield* attachment.mapUnlocked('bidirectional');
        yield* mover.move();
        yield* sleep(COPY_NS);
        expect(device.read(table.segments[0]?.busAddress ?? 0, 1)).toEqual(Uint8Array.of(GONE));
        yield* attachment.unmapUnlocked(table, 'bidirectional');
        yield* mover.dmabuf.detach(attachment);
      })(),
    );
    mover.dmabuf.put();
  });

  test('does not move while a static importer has it', ({ machine }) => {
    enableMoveNotify(machine.system);
    const mover = new Mover(machine);
    const importer = run(machine, Importer.attach(new DmaDevice(machine.system, { name: 'static' }), mover.dmabuf, false));
    run(machine, mover.move());
    expect(mover.moves).toBe(0);
    run(machine, importer.detach());
    run(machine, mover.move());
    run(machine, sleep(COPY_NS));
    expect(mover.moves).toBe(1);
    mover.dmabuf.put();
  });
});
