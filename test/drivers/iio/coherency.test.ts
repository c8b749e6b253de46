import { describe, expect, test } from 'vitest';
import { POLLIN } from '../../../src/abi/uapi/index.ts';
import { type NonCoherentZcu102Options, noncoherentZcu102 } from '../../../src/boards/index.ts';
import { beginAccess, type DmaBufAttachment, endAccess, type SgTable } from '../../../src/dma-buf/index.ts';
import { boot } from '../../../src/index.ts';
import { DmaDevice } from '../../../src/memory/index.ts';
import { bufferAt, run } from '../../dma-buf/fixture.ts';
import { ALL_CHANNELS, allocate, answerOf, bytesOf, endProgram, Radio } from './fixture.ts';

const SIZE = 65_536;

function bootBoard(options: NonCoherentZcu102Options = {}) {
  const board = noncoherentZcu102(options);
  const machine = boot(board, { history: true });
  const { sys } = machine;
  return { machine, sys, board, receive: new Radio(sys, 0), send: new Radio(sys, 1) };
}

type Bench = ReturnType<typeof bootBoard>;

/** Captures one block into a dma-buf. */
function capture({ sys, receive }: Bench, fd: number): void {
  receive.choose();
  const buffer = receive.buffer(receive.open());
  receive.attach(buffer, fd);
  receive.enqueue(buffer, fd, SIZE);
  receive.enable();
  sys.poll([{ fd, events: POLLIN }]);
  receive.disable();
}

/** A device that does not see the CPU's caches and keeps its mapping, as the USB controller of such a board. */
class Other {
  readonly #bench: Bench;
  readonly #attachment: DmaBufAttachment<undefined>;
  readonly #table: SgTable;

  constructor(bench: Bench, fd: number) {
    this.#bench = bench;
    const device = new DmaDevice(bench.machine.system, { name: 'usb', snoopsCpu: false, maxSegmentSize: 2 ** 24 });
    const dmabuf = bufferAt(bench.machine, fd);
    this.#attachment = run(bench.machine, dmabuf.attach(device));
    this.#table = run(bench.machine, this.#attachment.mapUnlocked('to-device'));
  }

  read(): Buffer {
    const { system } = this.#bench.machine;
    beginAccess(system, this.#attachment, this.#table, 'to-device');
    const bytes = this.#table.segments.map(({ busAddress, length }) => Buffer.from(this.#attachment.device.read(busAddress, length)));
    endAccess(system, this.#attachment, this.#table, 'to-device');
    return Buffer.concat(bytes);
  }

  end(): void {
    run(this.#bench.machine, this.#attachment.unmapUnlocked(this.#table, 'to-device'));
    run(this.#bench.machine, this.#attachment.dmabuf.detach(this.#attachment));
  }
}

const isModel = ({ board }: Bench, bytes: Buffer) => {
  const scans = bytes.length / 8;
  return Array.from({ length: 32_768 }, (_, i) => i).some(
    (i) => Buffer.compare(board.parts.adc.pattern.bytes(ALL_CHANNELS, i, scans), bytes) === 0,
  );
};

function end({ machine }: Bench): string[] {
  endProgram(machine);
  const rules = machine.system.findings.all.map(({ rule }) => rule);
  for (const rule of new Set(rules)) machine.system.findings.expect(rule);
  machine.shutdown();
  return rules;
}

describe('samples on the board whose converter fills the CPU caches', () => {
  test('are there for the CPU, with and without syncs', () => {
    const bench = bootBoard();
    const { sys } = bench;
    const fd = allocate(sys, SIZE);
    capture(bench, fd);
    expect(isModel(bench, bytesOf(sys, fd, SIZE))).toBe(true);
    expect(end(bench)).toEqual([]);
  });

  test('are there for read(2)', () => {
    const bench = bootBoard();
    const { sys, receive } = bench;
    receive.choose();
    const node = receive.open();
    receive.enable();
    expect(isModel(bench, Buffer.from(sys.read(node, 8192)))).toBe(true);
    expect(end(bench)).toEqual([]);
  });

  test('are not there for a device that does not see the caches, and the lines are named', () => {
    const bench = bootBoard({ attach: 'ignore' });
    const fd = allocate(bench.sys, SIZE);
    const other = new Other(bench, fd);
    capture(bench, fd);
    expect(other.read().every((byte) => byte === 0)).toBe(true);
    const { all } = bench.machine.system.findings;
    expect(all.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^usb read old bytes: line 0 \(and 1023 more\) at offset 0x0 of dma-buf 1/),
    ]);
    other.end();
    expect(end(bench)).toEqual(['coherency-stale-read']);
  });

  test('are there for it when it syncs before, as Linux never could', () => {
    const bench = bootBoard({ attach: 'ignore', deviceAccess: true });
    const fd = allocate(bench.sys, SIZE);
    const other = new Other(bench, fd);
    capture(bench, fd);
    expect(isModel(bench, other.read())).toBe(true);
    other.end();
    expect(end(bench)).toEqual([]);
  });

  test('are there for it when it maps the buffer only then', () => {
    const bench = bootBoard({ attach: 'ignore' });
    const fd = allocate(bench.sys, SIZE);
    capture(bench, fd);
    const other = new Other(bench, fd);
    expect(isModel(bench, other.read())).toBe(true);
    other.end();
    expect(end(bench)).toEqual([]);
  });

  test('cannot be shared with it where that is forbidden, and are told of where it is watched', () => {
    const strict = bootBoard({ attach: 'enforce', enforceDefault: true });
    const fd = allocate(strict.sys, SIZE);
    const other = new Other(strict, fd);
    const buffer = strict.receive.buffer(strict.receive.open());
    expect(answerOf(() => strict.receive.attach(buffer, fd))).toBe('EPERM');
    other.end();
    expect(end(strict)).toEqual([]);
    const tracked = bootBoard();
    const shared = allocate(tracked.sys, SIZE);
    const second = new Other(tracked, shared);
    capture(tracked, shared);
    second.end();
    expect(end(tracked)).toEqual(['coherency-devices-differ']);
  });
});
