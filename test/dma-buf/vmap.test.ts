import { Errno, isErrno } from '../../src/abi/index.ts';
import { PAGE_SIZE } from '../../src/abi/uapi/index.ts';
import { DmaBuf, type DmaBufOps } from '../../src/dma-buf/index.ts';
import type { BootedMachine } from '../../src/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { KernelMapping } from '../../src/memory/index.ts';
import { allocate, brokenRules, bufferAt, describe, expect, leastOperations, run, test } from './fixture.ts';

/** Runs code under a buffer's lock. */
const locked = <T>(machine: BootedMachine, dmabuf: DmaBuf<any>, work: () => Kernel<T>): T =>
  run(machine, dmabuf.underLock('the test', work));

function exporter(machine: BootedMachine, ops: Partial<DmaBufOps>): DmaBuf {
  return new DmaBuf<unknown>(machine.system, {
    exporterName: 'test',
    ops: { ...leastOperations, ...ops },
    size: PAGE_SIZE,
    flags: 0,
    private: undefined,
  });
}

describe('vmap', () => {
  test('asks the exporter once for all callers, and vunmap once for the last', ({ machine }) => {
    const asked: string[] = [];
    const mapping = new KernelMapping([]);
    const dmabuf = exporter(machine, {
      vmap: () => {
        asked.push('vmap');
        return mapping;
      },
      vunmap: (_, given) => void asked.push(given === mapping ? 'vunmap' : 'another'),
    });
    for (let round = 0; round < 2; round++) {
      locked(machine, dmabuf, function* () {
        expect([yield* dmabuf.vmap(), yield* dmabuf.vmap(), yield* dmabuf.vmap()]).toEqual([mapping, mapping, mapping]);
        for (let left = 3; left > 0; left--) {
          expect(asked.splice(0)).toEqual(left === 3 ? ['vmap'] : []);
          yield* dmabuf.vunmap(mapping);
        }
      });
      expect(asked.splice(0)).toEqual(['vunmap']);
    }
    dmabuf.put();
  });

  test('is EINVAL when the exporter has no such operation', ({ machine }) => {
    const dmabuf = exporter(machine, {});
    expect(() => locked(machine, dmabuf, () => dmabuf.vmap())).toThrow('EINVAL: test buffers cannot be mapped by the kernel');
    dmabuf.put();
  });

  test('that the exporter refuses warns once, is its error each time, and counts nothing', ({ machine }) => {
    let isFull = true;
    const mapping = new KernelMapping([]);
    const dmabuf = exporter(machine, {
      vmap: () => {
        if (isFull) throw new Errno('ENOMEM', 'no addresses are left');
        return mapping;
      },
    });
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        locked(machine, dmabuf, () => dmabuf.vmap());
        expect.unreachable();
      } catch (error) {
        expect(isErrno(error, 'ENOMEM')).toBe(true);
      }
    }
    expect(brokenRules(machine)).toEqual(['dma-buf-vmap-failed']);
    isFull = false;
    run(machine, dmabuf.vunmapUnlocked(run(machine, dmabuf.vmapUnlocked())));
    dmabuf.put();
  });

  test.for([
    ['of what is not mapped', false],
    ['with a mapping of another buffer', true],
  ] as const)('undone %s is found', ([, isMapped], { machine }) => {
    const mapping = new KernelMapping([]);
    const dmabuf = exporter(machine, { vmap: () => mapping });
    locked(machine, dmabuf, function* () {
      if (isMapped) yield* dmabuf.vmap();
      yield* dmabuf.vunmap(isMapped ? new KernelMapping([]) : mapping);
      if (isMapped) yield* dmabuf.vunmap(mapping);
    });
    expect(brokenRules(machine)).toEqual(['dma-buf-vunmap']);
    dmabuf.put();
  });

  test('that is not undone before the release is found', ({ machine }) => {
    const dmabuf = exporter(machine, { vmap: () => new KernelMapping([]) });
    locked(machine, dmabuf, () => dmabuf.vmap());
    dmabuf.put();
    expect(brokenRules(machine)).toEqual(['dma-buf-released-vmapped']);
  });

  test('of a heap buffer shows the bytes that programs see', ({ machine, sys }) => {
    const fd = allocate(sys, 300);
    const dmabuf = bufferAt(machine, fd);
    const program = sys.mmap(fd, { length: 300 * PAGE_SIZE });
    locked(machine, dmabuf, function* () {
      const mapping = yield* dmabuf.vmap();
      expect(mapping.size).toBe(300 * PAGE_SIZE);
      const seam = 256 * PAGE_SIZE - 2;
      mapping.write(seam, Uint8Array.of(1, 2, 3, 4));
      expect([...program.bytes.subarray(seam, seam + 4)]).toEqual([1, 2, 3, 4]);
      program.bytes[seam] = 9;
      expect([...mapping.read(seam - 1, 3)]).toEqual([0, 9, 2]);
      yield* dmabuf.vunmap(mapping);
    });
    sys.munmap(program);
  });
});

describe('a kernel mapping', () => {
  test('shows its ranges in a row', ({ machine }) => {
    const [one, other] = [0, 1].map((index) => {
      const memory = machine.system.memory.allocate(PAGE_SIZE, 'a test');
      memory.bytes().fill(index + 1);
      return memory;
    });
    const mapping = new KernelMapping([
      { memory: other as typeof one & {}, offset: 0, length: 2 },
      { memory: one as typeof one & {}, offset: 8, length: 3 },
      { memory: other as typeof one & {}, offset: 2, length: 1 },
    ]);
    expect([...mapping.read(0, 6)]).toEqual([2, 2, 1, 1, 1, 2]);
    mapping.write(1, Uint8Array.of(5, 6, 7, 8, 9));
    expect([...(other?.bytes().subarray(0, 3) ?? [])]).toEqual([2, 5, 9]);
    expect([...(one?.bytes().subarray(8, 11) ?? [])]).toEqual([6, 7, 8]);
    for (const [offset, length] of [
      [-1, 1],
      [6, 1],
      [5, 2],
    ] as const)
      expect(() => mapping.read(offset, length)).toThrow('are not within a mapping of 6 bytes');
    for (const memory of [one, other]) memory?.put();
  });
});
