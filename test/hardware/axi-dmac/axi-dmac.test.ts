import { describe, expect } from 'vitest';
import { AxiDmacChannel } from '../../../src/drivers/axi-dmac/index.ts';
import { AxiDmac } from '../../../src/hardware/axi-dmac/index.ts';
import type { BootedMachine } from '../../../src/index.ts';
import { irqs, WiredController } from '../../../src/irq/index.ts';
import { allocateCoherent, ContiguousRegion, DmaDevice } from '../../../src/memory/index.ts';
import {
  AXI_DMAC_CTRL_ENABLE,
  AXI_DMAC_IRQ_EOT,
  AXI_DMAC_IRQ_SOT,
  AXI_DMAC_REG_CTRL,
  AXI_DMAC_REG_DEST_ADDRESS,
  AXI_DMAC_REG_IRQ_MASK,
  AXI_DMAC_REG_IRQ_PENDING,
  AXI_DMAC_REG_START_TRANSFER,
  AXI_DMAC_REG_TRANSFER_DONE,
  AXI_DMAC_REG_TRANSFER_ID,
  AXI_DMAC_REG_X_LENGTH,
} from '../../../src/ports/axi-dmac/index.ts';
import type { DmaTransaction } from '../../../src/ports/dmaengine/index.ts';
import type { SampleSink, SampleSource } from '../../../src/ports/iio-converter/index.ts';
import { machineTest } from '../../../src/vitest.ts';

/** On a machine where nothing else happens. */
const test = machineTest(() => ({ name: 'bare', description: 'nothing', setUp() {} }));

const SIZE = 65_536;

/** Bytes that count, at one in a nanosecond. */
class Counter implements SampleSource, SampleSink {
  next = 0;
  ends = 0;
  readonly continued: boolean[] = [];
  readonly got: number[] = [];
  fetch: (() => Uint8Array) | undefined;

  begin(length: number, continues: boolean): number {
    this.continued.push(continues);
    return length;
  }

  take(length: number, put: (bytes: Uint8Array) => void): void {
    put(Uint8Array.from({ length }, () => this.next++));
  }

  put(bytes: Uint8Array): void {
    this.got.push(...bytes);
  }

  repeat(fetch: () => Uint8Array): void {
    this.fetch = fetch;
  }

  end(): void {
    this.ends++;
  }
}

function setUp({ system }: BootedMachine, toMemory: boolean) {
  const counter = new Counter();
  const device = new DmaDevice(system, { name: 'dmac' });
  const region = new ContiguousRegion({ name: 'area', base: 2 ** 32, size: 2 ** 24 });
  const memory = allocateCoherent(device, region, SIZE, 'the test');
  const gic = new WiredController(irqs(system), { name: 'GICv2', lines: 8 });
  const registers = new AxiDmac({ system, device, line: gic.line(3), stream: toMemory ? { source: counter } : { sink: counter } });
  const bytes = memory.memory.bytes();
  const channel = () => new AxiDmacChannel({ registers, device, irqs: irqs(system), irq: gic.irq(3), toMemory });
  return { system, counter, memory, registers, bytes, gic, channel };
}

describe('the controller', () => {
  test('does transfers in order, without gaps when they are queued in time', ({ machine }) => {
    const { system, counter, memory, registers, bytes } = setUp(machine, true);
    registers.write(AXI_DMAC_REG_IRQ_MASK, 0);
    registers.write(AXI_DMAC_REG_CTRL, AXI_DMAC_CTRL_ENABLE);
    const start = (at: number, length: number) => {
      const id = registers.read(AXI_DMAC_REG_TRANSFER_ID);
      registers.write(AXI_DMAC_REG_DEST_ADDRESS, (memory.busAddress + at) % 2 ** 32);
      registers.write(0x490, Math.floor(memory.busAddress / 2 ** 32));
      registers.write(AXI_DMAC_REG_X_LENGTH, length - 1);
      registers.write(AXI_DMAC_REG_START_TRANSFER, 1);
      return id;
    };
    expect([start(0, 8), start(16, 8)]).toEqual([0, 1]);
    expect(registers.read(AXI_DMAC_REG_IRQ_PENDING)).toBe(AXI_DMAC_IRQ_SOT);
    system.clock.runUntil(system.now() + 8);
    expect(registers.read(AXI_DMAC_REG_TRANSFER_DONE)).toBe(1);
    expect(registers.read(AXI_DMAC_REG_IRQ_PENDING)).toBe(AXI_DMAC_IRQ_SOT | AXI_DMAC_IRQ_EOT);
    system.clock.runUntil(system.now() + 8);
    expect(registers.read(AXI_DMAC_REG_TRANSFER_DONE)).toBe(3);
    expect([...bytes.subarray(0, 24)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 8, 9, 10, 11, 12, 13, 14, 15]);
    start(0, 8);
    system.clock.runUntil(system.now() + 8);
    expect(counter.continued).toEqual([false, true, false]);
    registers.write(AXI_DMAC_REG_IRQ_PENDING, 3);
    expect(registers.read(AXI_DMAC_REG_IRQ_PENDING)).toBe(0);
    memory.free();
  });

  test('has room for four besides the one under way, and forgets all when it is disabled', ({ machine }) => {
    const { system, counter, memory, registers } = setUp(machine, true);
    registers.write(AXI_DMAC_REG_CTRL, AXI_DMAC_CTRL_ENABLE);
    registers.write(AXI_DMAC_REG_X_LENGTH, 7);
    for (let i = 0; i < 5; i++) {
      expect(registers.read(AXI_DMAC_REG_START_TRANSFER)).toBe(0);
      registers.write(AXI_DMAC_REG_START_TRANSFER, 1);
    }
    expect(registers.read(AXI_DMAC_REG_START_TRANSFER)).toBe(1);
    registers.write(AXI_DMAC_REG_CTRL, 0);
    expect(registers.read(AXI_DMAC_REG_START_TRANSFER)).toBe(0);
    expect(system.clock.pending).toBe(0);
    expect(counter.ends).toBe(1);
    memory.free();
  });
});

describe('its channel', () => {
  const transaction = (parts: DmaTransaction['vectors'], done: (residue: number) => void, isCyclic = false): DmaTransaction => ({
    vectors: parts,
    isCyclic,
    done,
  });

  test('tells of each transaction when all its parts are done', ({ machine }) => {
    const { system, memory, bytes, channel } = setUp(machine, true);
    const dma = channel();
    const told: string[] = [];
    const at = (offset: number, length: number) => ({ busAddress: memory.busAddress + offset, length });
    dma.submit(transaction([at(0, 16), at(64, 8), at(32, 8)], () => told.push(`a at ${bytes[32]}`)));
    dma.submit(transaction([at(128, 8)], () => told.push('b')));
    expect(system.clock.pending).toBe(0);
    dma.issuePending();
    system.scheduler.runFor(1e6);
    expect(told).toEqual(['a at 24', 'b']);
    expect([bytes[0], bytes[64], bytes[128]]).toEqual([0, 16, 32]);
    system.scheduler.spawn('release', undefined, dma.release());
    system.scheduler.runReady();
    memory.free();
  });

  test('takes more parts than the controller has room for', ({ machine }) => {
    const { system, counter, memory, channel } = setUp(machine, true);
    const dma = channel();
    let done = 0;
    for (let i = 0; i < 3; i++) {
      const parts = Array.from({ length: 100 }, (_, part) => ({ busAddress: memory.busAddress + part * 8, length: 8 }));
      dma.submit(transaction(parts, () => done++));
    }
    dma.issuePending();
    system.scheduler.runFor(1e6);
    expect([done, counter.next]).toEqual([3, 2400]);
    system.scheduler.spawn('release', undefined, dma.release());
    system.scheduler.runReady();
    memory.free();
  });

  test('cannot do what is not aligned', ({ machine }) => {
    const { system, memory, channel } = setUp(machine, true);
    const dma = channel();
    const can = (busAddress: number, length: number) => dma.canPrepare(transaction([{ busAddress, length }], () => {}));
    expect([can(0, 8), can(4, 8), can(0, 12), can(0, 0)]).toEqual([true, false, false, false]);
    expect(dma.canPrepare(transaction([], () => {}))).toBe(false);
    system.scheduler.spawn('release', undefined, dma.release());
    system.scheduler.runReady();
    memory.free();
  });

  test('repeats one part by the controller, several in turn, until it is terminated', ({ machine }) => {
    const { system, counter, memory, bytes, channel } = setUp(machine, false);
    const dma = channel();
    const never = () => expect.fail('a cyclic transaction was done');
    bytes.set([1, 2, 3], 0);
    dma.submit(transaction([{ busAddress: memory.busAddress, length: 8 }], never, true));
    dma.issuePending();
    system.scheduler.runFor(1e6);
    expect([...(counter.fetch?.() ?? [])]).toEqual([1, 2, 3, 0, 0, 0, 0, 0]);
    dma.terminate();
    bytes.set([9], 16);
    const parts = [0, 16].map((offset) => ({ busAddress: memory.busAddress + offset, length: 8 }));
    dma.submit(transaction(parts, never, true));
    dma.issuePending();
    system.scheduler.runFor(100_000);
    dma.terminate();
    const firsts = counter.got.filter((_, i) => i % 8 === 0);
    expect(firsts.length).toBeGreaterThan(20);
    expect(firsts.every((byte, i) => byte === (i % 2 === 0 ? 1 : 9))).toBe(true);
    system.scheduler.spawn('release', undefined, dma.release());
    system.scheduler.runReady();
    memory.free();
  });
});
