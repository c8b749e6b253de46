/** The VPU does not see the CPU's caches: section 14 of docs/reference/vc-sm-cma.md. */
import { describe, expect, test } from 'vitest';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_START,
  DMA_BUF_SYNC_WRITE,
  PAGE_SIZE,
  VC_SM_CACHE_OP_CLEAN,
  VC_SM_CACHE_OP_FLUSH,
  VC_SM_CACHE_OP_INV,
  VC_SM_CACHE_OP_NOP,
  VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2,
} from '../../../src/abi/uapi/index.ts';
import type { VideoCoreOptions } from '../../../src/boards/index.ts';
import { alloc, type Bench, bench, codeOf, errors, heapBuffer, importFd, openNode, rules } from './fixture.ts';

const LINE = 64;

/** An import that is mapped, and what its parties see of it. */
class Shared {
  readonly on: Bench;
  readonly node: number;
  readonly mapping: ReturnType<Bench['sys']['mmap']>;
  readonly #source: number;
  readonly handle: number;
  readonly #vcHandle: number;

  constructor(options: VideoCoreOptions = {}) {
    this.on = bench(options);
    this.node = openNode(this.on);
    this.#source = heapBuffer(this.on);
    const { handle, vc_handle } = importFd(this.on, this.node, this.#source);
    [this.handle, this.#vcHandle] = [handle, vc_handle];
    this.mapping = this.on.sys.mmap(handle, { length: 2 * PAGE_SIZE });
  }

  cpuWrites(at: number, byte: number): void {
    this.mapping.bytes[at] = byte;
  }

  cpuSees(at: number): number | undefined {
    return this.mapping.bytes[at];
  }

  vpuWrites(at: number, byte: number): void {
    this.on.videocore.write(this.#vcHandle, at, Uint8Array.of(byte));
  }

  vpuSees(at: number): number | undefined {
    return this.on.videocore.read(this.#vcHandle, at, 1)[0];
  }

  sync(flags: number): void {
    this.on.sys.ioctl(this.handle, DMA_BUF_IOCTL_SYNC, { flags });
  }

  /** CLEAN_INVALID2 of one block at an offset. */
  maintain(
    invalidate_mode: number,
    at: number,
    more: { block_size?: number; block_count?: number; inter_block_stride?: number } = {},
  ): string {
    const start_address = BigInt(this.mapping.address + at);
    const block = { invalidate_mode, block_count: 1, start_address, block_size: LINE, ...more };
    return codeOf(() => this.on.sys.ioctl(this.node, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2, { op_count: 1, s: [block] }));
  }

  /** @param expected rules that were broken, and had to be */
  end(...expected: string[]): void {
    const { machine, sys } = this.on;
    expect([...new Set(rules(this.on))]).toEqual(expected);
    for (const rule of expected) machine.system.findings.expect(rule);
    sys.munmap(this.mapping);
    for (const fd of [this.handle, this.#source, this.node]) sys.close(fd);
    machine.shutdown();
  }
}

describe('an import', () => {
  test('is old for the VPU until END with WRITE, and for the CPU until START with READ', () => {
    const shared = new Shared();
    shared.sync(DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
    shared.cpuWrites(0, 5);
    shared.sync(DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
    expect(shared.vpuSees(0)).toBe(5);
    shared.vpuWrites(0, 6);
    expect(shared.cpuSees(0)).toBe(5);
    shared.sync(DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
    expect(shared.cpuSees(0)).toBe(6);
    shared.sync(DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
    shared.end();
  });

  test('that is written without a sync: the VPU reads old bytes, which is a finding', () => {
    const shared = new Shared();
    shared.cpuWrites(0, 5);
    expect(shared.vpuSees(0)).toBe(0);
    shared.end('coherency-stale-read');
  });

  test('of a second dma-buf is synced through both', () => {
    const shared = new Shared();
    const outer = importFd(shared.on, shared.node, shared.handle);
    shared.cpuWrites(0, 5);
    shared.on.sys.ioctl(outer.handle, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE });
    expect(shared.on.videocore.read(outer.vc_handle, 0, 1)[0]).toBe(5);
    shared.on.sys.close(outer.handle);
    shared.end();
  });

  test('on a board whose VPU sees the caches needs no sync', () => {
    const shared = new Shared({ coherent: true });
    shared.cpuWrites(0, 5);
    expect(shared.vpuSees(0)).toBe(5);
    shared.vpuWrites(0, 6);
    expect(shared.cpuSees(0)).toBe(6);
    shared.end();
  });
});

test('an allocation is not cached: both see the same bytes at once', () => {
  const on = bench();
  const node = openNode(on);
  const { handle, vc_handle } = alloc(on, node, PAGE_SIZE);
  const mapping = on.sys.mmap(handle, { length: PAGE_SIZE });
  mapping.bytes[0] = 1;
  on.videocore.write(vc_handle, 1, Uint8Array.of(2));
  expect([[...on.videocore.read(vc_handle, 0, 2)], [...mapping.bytes.subarray(0, 2)]]).toEqual([
    [1, 2],
    [1, 2],
  ]);
  on.sys.munmap(mapping);
  for (const fd of [handle, node]) on.sys.close(fd);
  on.machine.shutdown();
});

describe('MEM_CLEAN_INVALID2', () => {
  const options = { revision: 'R2', cacheRequests: true } as const;

  test('writes back, drops, or does both', () => {
    const shared = new Shared(options);
    shared.cpuWrites(0, 5);
    expect(shared.maintain(VC_SM_CACHE_OP_CLEAN, 0)).toBe('none');
    expect(shared.vpuSees(0)).toBe(5);
    shared.vpuWrites(0, 6);
    expect(shared.maintain(VC_SM_CACHE_OP_CLEAN, 0)).toBe('none');
    expect(shared.cpuSees(0)).toBe(5);
    expect(shared.maintain(VC_SM_CACHE_OP_INV, 0)).toBe('none');
    expect(shared.cpuSees(0)).toBe(6);
    shared.cpuWrites(0, 7);
    expect(shared.maintain(VC_SM_CACHE_OP_FLUSH, 0)).toBe('none');
    expect([shared.vpuSees(0), shared.cpuSees(0)]).toEqual([7, 7]);
    shared.end();
  });

  test('drops what the CPU wrote, but for lines that are only partly in the range', () => {
    const shared = new Shared(options);
    for (const at of [0, LINE, 2 * LINE]) shared.cpuWrites(at, 5);
    expect(shared.maintain(VC_SM_CACHE_OP_INV, LINE / 2, { block_size: 2 * LINE })).toBe('none');
    expect([0, LINE, 2 * LINE].map((at) => [shared.cpuSees(at), shared.vpuSees(at)])).toEqual([
      [5, 5],
      [0, 0],
      [5, 5],
    ]);
    shared.end();
  });

  test('takes blocks at a stride', () => {
    const shared = new Shared(options);
    for (let line = 0; line < 4; line++) shared.cpuWrites(line * LINE, 5);
    expect(shared.maintain(VC_SM_CACHE_OP_CLEAN, 0, { block_count: 2, inter_block_stride: 2 * LINE })).toBe('none');
    expect([0, 1, 2, 3].map((line) => shared.vpuSees(line * LINE))).toEqual([5, 0, 5, 0]);
    shared.end('coherency-stale-read');
  });

  test('stops at the first block that is wrong; those before stay done', () => {
    const shared = new Shared(options);
    shared.cpuWrites(0, 5);
    const start_address = BigInt(shared.mapping.address);
    const block = { block_count: 1, start_address, block_size: LINE };
    const { sys } = shared.on;
    const call = (...s: { invalidate_mode: number; block_size?: number }[]) =>
      codeOf(() =>
        sys.ioctl(shared.node, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2, { op_count: s.length, s: s.map((one) => ({ ...block, ...one })) }),
      );
    expect(call()).toBe('none');
    expect(call({ invalidate_mode: VC_SM_CACHE_OP_NOP, block_size: 0 })).toBe('none');
    expect(call({ invalidate_mode: VC_SM_CACHE_OP_CLEAN }, { invalidate_mode: 4 })).toBe('EINVAL');
    expect(shared.vpuSees(0)).toBe(5);
    expect(call({ invalidate_mode: VC_SM_CACHE_OP_CLEAN, block_size: 0 })).toBe('EINVAL');
    expect(errors(shared.on)).toEqual(['[cache_op_to_func]: Invalid cache_op: 0x00000004', '[clean_invalid_contig_2d]: size cannot be 0']);
    shared.end();
  });

  test.each([{ revision: 'R3', cacheRequests: true }, { revision: 'R2' }, { revision: 'U-a', cacheRequests: true }] as const)(
    'is EINVAL for %o',
    (other) => {
      const shared = new Shared(other);
      expect(shared.maintain(VC_SM_CACHE_OP_NOP, 0)).toBe('EINVAL');
      shared.end();
    },
  );
});
