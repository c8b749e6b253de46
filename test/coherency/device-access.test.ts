import { Errno } from '../../src/abi/index.ts';
import {
  DMA_BUF_SYNC_READ,
  DMA_TEST_BRACKET,
  DMA_TEST_KEEP_MAPPING,
  DMA_TEST_SIGNAL_EARLY,
  O_RDWR,
  PAGE_SIZE,
} from '../../src/abi/uapi/index.ts';
import {
  allocateFenceContexts,
  beginAccess,
  DmaBuf,
  type DmaBufAttachment,
  type DmaBufOps,
  DmaFence,
  type DmaFenceOps,
  endAccess,
  type SgTable,
  watchTransfer,
} from '../../src/dma-buf/index.ts';
import type { BootedMachine } from '../../src/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { DmaDevice, type DmaDeviceTraits } from '../../src/memory/index.ts';
import { boardTest, brokenRules, bufferAt, describe, expect, type Program, run, texts } from './fixture.ts';

const on = boardTest({ deviceAccess: true });
const off = boardTest();

const names: DmaFenceOps = { driverName: () => 'test', timelineName: () => 'line' };

const KEPT = DMA_TEST_KEEP_MAPPING;
const BRACKETED = DMA_TEST_KEEP_MAPPING | DMA_TEST_BRACKET;

/** One device writes by way of the CPU's caches, another that does not see them reads. */
function pass(program: Program, flags: number): number | undefined {
  const writer = program.attach('allocating', flags);
  const reader = program.attach('direct', flags);
  writer.write(9);
  return reader.read();
}

describe('from a device that writes to the caches to one that does not see them (M6)', () => {
  on('(a) stale without the pair, and both say so', ({ program, machine }) => {
    expect(pass(program, KEPT)).toBe(0);
    expect(brokenRules(machine)).toEqual(['device-access-missing', 'device-access-missing', 'coherency-stale-read']);
    expect(texts(machine)).toContainEqual(
      expect.stringMatching(/written by dma-allocating at t=.*, through the CPU's cache, and nothing wrote/),
    );
  });

  on('(a) fresh with it', ({ program }) => {
    expect(pass(program, BRACKETED)).toBe(9);
  });

  on('(a) on udmabuf: stale without the pair', ({ overMemfd, machine }) => {
    expect(pass(overMemfd, KEPT)).toBe(0);
    expect(brokenRules(machine)).toEqual(['device-access-missing', 'device-access-missing', 'coherency-stale-read']);
  });

  on('(a) on udmabuf: fresh with it', ({ overMemfd }) => {
    expect(pass(overMemfd, BRACKETED)).toBe(9);
  });

  on('(b) on udmabuf: fresh when each transfer maps the buffer', ({ overMemfd }) => {
    expect(pass(overMemfd, DMA_TEST_BRACKET)).toBe(9);
  });

  off('udmabuf syncs its own device only: the first START writes back and drops nothing, the second drops', ({ overMemfd, machine }) => {
    const direct = overMemfd.attach('direct', KEPT);
    direct.write(9);
    const looked: (number | undefined)[] = [];
    for (let i = 0; i < 2; i++) {
      overMemfd.begin(DMA_BUF_SYNC_READ);
      looked.push(overMemfd.pixels.bytes[0]);
      overMemfd.end(DMA_BUF_SYNC_READ);
    }
    expect(looked).toEqual([0, 9]);
    expect(brokenRules(machine)).toEqual([]);
  });

  on('(b) fresh when each transfer maps the buffer', ({ program }) => {
    expect(pass(program, DMA_TEST_BRACKET)).toBe(9);
  });

  on('(f) a fence that signals before the access has ended', ({ program, machine }) => {
    program.attach('direct', BRACKETED | DMA_TEST_SIGNAL_EARLY).write(9);
    expect(brokenRules(machine)).toEqual(['device-access-open-at-signal']);
  });

  on(
    '(g) a buffer that the CPU maps write-combined: no sync by programs, but brackets of devices that fill its caches',
    ({ uncached, machine }) => {
      const direct = uncached.attach('direct', KEPT);
      uncached.pixels.bytes.fill(7);
      expect(direct.read()).toBe(7);
      direct.write(9);
      expect(uncached.pixels.bytes[0]).toBe(9);
      expect(machine.system.findings.all).toEqual([]);
      uncached.attach('allocating', KEPT).write(1);
      expect(new Set(brokenRules(machine))).toEqual(new Set(['device-access-missing']));
    },
  );

  off('(h) a kernel without the pair: stale with a mapping that is kept, as in 6.12', ({ program, machine }) => {
    expect(pass(program, BRACKETED)).toBe(0);
    expect(brokenRules(machine)).toEqual(['coherency-devices-differ', 'coherency-stale-read']);
  });

  off('(h) a kernel without the pair: fresh when each transfer maps', ({ program, machine }) => {
    expect(pass(program, 0)).toBe(9);
    expect(brokenRules(machine)).toEqual(['coherency-devices-differ']);
  });
});

/** A buffer of memory with other operations than a heap's, attached and mapped; everything is undone at the end. */
function withBuffer<T>(
  machine: BootedMachine,
  ops: Partial<DmaBufOps>,
  work: (attachment: DmaBufAttachment<undefined>, table: SgTable, memory: Uint8Array) => T,
  traits: Omit<DmaDeviceTraits, 'name'> = {},
): T {
  const { system } = machine;
  const address = machine.ram.allocate(0);
  const memory = system.memory.allocate(PAGE_SIZE, 'a test');
  const device = new DmaDevice(system, { name: 'device0', snoopsCpu: false, ...traits });
  const dmabuf = new DmaBuf<unknown>(system, {
    exporterName: 'test',
    size: PAGE_SIZE,
    flags: O_RDWR,
    private: undefined,
    shows: [memory],
    ops: {
      mapDmaBuf: (attachment, direction) => attachment.device.mapSg([{ memory, offset: 0, length: PAGE_SIZE, address }], direction),
      unmapDmaBuf: (attachment, mapping, direction) => attachment.device.unmapSg(mapping, direction),
      release: () => {},
      ...ops,
    },
  });
  const use = function* (): Kernel<T> {
    const attachment = yield* dmabuf.attach(device);
    const table = yield* attachment.mapUnlocked('bidirectional');
    const result = work(attachment, table, memory.bytes());
    yield* attachment.unmapUnlocked(table, 'bidirectional');
    yield* dmabuf.detach(attachment);
    return result;
  };
  try {
    return run(machine, use());
  } finally {
    dmabuf.put();
    run(machine, system.doDeferred());
    memory.put();
    machine.ram.free(address, 0);
  }
}

describe('dma_buf_begin_access and dma_buf_end_access', () => {
  on('(c) an exporter without them: nothing happens, and the device reads old bytes', ({ machine }) => {
    withBuffer(machine, {}, (attachment, table, memory) => {
      memory.fill(7);
      beginAccess(machine.system, attachment, table, 'to-device');
      expect(attachment.device.read(table.segments[0]?.busAddress ?? 0, 1)).toEqual(Uint8Array.of(0));
      endAccess(machine.system, attachment, table, 'to-device');
    });
    expect(brokenRules(machine)).toEqual(['coherency-stale-read']);
    expect(texts(machine)).toEqual([expect.stringContaining('of dma-buf 1 (test), 4096 bytes was written by the CPU after')]);
  });

  on('(d) an error of the exporter is the answer each time, and a warning once', ({ machine }) => {
    const ops: Partial<DmaBufOps> = {
      beginAccess() {
        throw new Errno('EIO', 'the cache controller is on fire');
      },
    };
    withBuffer(machine, ops, (attachment, table) => {
      for (let i = 0; i < 3; i++) {
        expect(() => beginAccess(machine.system, attachment, table, 'to-device')).toThrow(expect.objectContaining({ code: 'EIO' }));
        endAccess(machine.system, attachment, table, 'to-device');
      }
    });
    expect(brokenRules(machine)).toEqual(['device-access-failed']);
  });

  on('(e) no attachment', ({ machine }) => {
    for (const call of [beginAccess, endAccess])
      expect(() => call(machine.system, undefined, { segments: [] }, 'to-device')).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(brokenRules(machine)).toEqual(['device-access-misused', 'device-access-misused']);
  });

  off('do not exist in 6.12: nobody is asked and nothing is checked', ({ machine }) => {
    let asked = 0;
    withBuffer(machine, { beginAccess: () => void asked++ }, (attachment, table) => {
      beginAccess(machine.system, attachment, table, 'to-device');
      endAccess(machine.system, undefined, table, 'from-device');
    });
    expect(asked).toBe(0);
  });

  on('get the arguments of the importer', ({ machine }) => {
    const calls: unknown[] = [];
    const ops: Partial<DmaBufOps> = {
      beginAccess: (_attachment, table, direction) => calls.push('begin', table, direction),
      endAccess: (_attachment, table, direction) => calls.push('end', table, direction),
    };
    withBuffer(machine, ops, (attachment, table) => {
      beginAccess(machine.system, attachment, table, 'to-device');
      endAccess(machine.system, attachment, table, 'to-device');
      expect(calls).toEqual(['begin', table, 'to-device', 'end', table, 'to-device']);
    });
  });
});

describe('rules around them', () => {
  on('C9: an end without a begin', ({ machine }) => {
    withBuffer(machine, {}, (attachment, table) => endAccess(machine.system, attachment, table, 'to-device'));
    expect(brokenRules(machine)).toEqual(['device-access-unbalanced']);
  });

  on('C9: an end in another direction, so that the access stays open at unmap and detach', ({ machine }) => {
    withBuffer(machine, {}, (attachment, table) => {
      beginAccess(machine.system, attachment, table, 'to-device');
      endAccess(machine.system, attachment, table, 'from-device');
    });
    expect(brokenRules(machine)).toEqual(['device-access-unbalanced', 'device-access-open', 'device-access-open']);
  });

  on('C9: a table of nobody', ({ machine }) => {
    withBuffer(machine, {}, (attachment) => {
      const table = { segments: [] };
      beginAccess(machine.system, attachment, table, 'to-device');
      endAccess(machine.system, attachment, table, 'to-device');
    });
    expect(brokenRules(machine)).toEqual(['device-access-unmapped', 'device-access-unmapped']);
  });

  on('C8: what waits for fences in the operation', ({ machine }) => {
    withBuffer(machine, { endAccess: ({ dmabuf }) => dmabuf.system.kmalloc('a list of lines') }, (attachment, table) => {
      beginAccess(machine.system, attachment, table, 'to-device');
      endAccess(machine.system, attachment, table, 'to-device');
    });
    expect(brokenRules(machine)).toEqual(['fence-signalling']);
  });

  on('C7: the reservation lock is held', ({ machine }) => {
    const { system } = machine;
    withBuffer(machine, {}, (attachment, table) => {
      attachment.dmabuf.resv.lock.tryLock();
      beginAccess(system, attachment, table, 'to-device');
      attachment.dmabuf.resv.unlock();
      endAccess(system, attachment, table, 'to-device');
    });
    expect(brokenRules(machine)).toEqual(['device-access-locked']);
  });

  on('a device flushes its own lines before its fence signals, and before it is unmapped', ({ machine }) => {
    const { system } = machine;
    for (const flushes of [true, false]) {
      withBuffer(
        machine,
        {},
        (attachment, table) => {
          const fence = new DmaFence(system, { ops: names, context: allocateFenceContexts(system), seqno: 1 });
          watchTransfer(attachment, fence);
          attachment.device.write(table.segments[0]?.busAddress ?? 0, Uint8Array.of(9));
          if (flushes) attachment.device.flushCache();
          fence.signal();
          fence.put();
        },
        { privateCache: true },
      );
    }
    expect(brokenRules(machine)).toEqual(['coherency-unflushed', 'coherency-unflushed']);
    expect(texts(machine)).toEqual([
      expect.stringMatching(/signalled while device0 keeps 1 lines/),
      expect.stringMatching(/did not flush 1 lines/),
    ]);
  });
});

describe('what heaps state (M4)', () => {
  on('with the pair: nobody knows how coherent they are', ({ program, uncached, overMemfd, machine }) => {
    expect(bufferAt(machine, program.buffer).coherency).toBe('dma-api');
    expect(bufferAt(machine, overMemfd.buffer).coherency).toBe('dma-api');
    expect(bufferAt(machine, uncached.buffer).coherency).toBe('memory-write-combined');
  });

  off('without it: nothing', ({ program, machine }) => {
    expect(bufferAt(machine, program.buffer).coherency).toBe('default');
  });
});

describe('who may attach (C3, C4, C5)', () => {
  const attach = (
    machine: BootedMachine,
    coherency: 'cpu' | 'memory' | 'atomic',
    traits: { snoopsCpu?: boolean; allocatesInCpu?: boolean },
  ) => {
    const { system } = machine;
    const dmabuf = new DmaBuf(system, {
      exporterName: 'test',
      size: PAGE_SIZE,
      flags: O_RDWR,
      private: undefined,
      coherency,
      ops: { mapDmaBuf: () => undefined, unmapDmaBuf() {}, release() {} },
    });
    const device = new DmaDevice(system, { name: 'device0', ...traits });
    const work = function* (): Kernel<void> {
      yield* dmabuf.detach(yield* dmabuf.attach(device));
    };
    try {
      run(machine, work());
      return 0;
    } catch (error) {
      return (error as Errno).code;
    } finally {
      dmabuf.put();
      run(machine, system.doDeferred());
    }
  };
  const direct = { snoopsCpu: false };
  const allocating = { allocatesInCpu: true };

  boardTest({ attach: 'enforce' })('enforced: EPERM', ({ machine }) => {
    expect(attach(machine, 'cpu', direct)).toBe('EPERM');
    expect(attach(machine, 'atomic', direct)).toBe('EPERM');
    expect(attach(machine, 'memory', allocating)).toBe('EPERM');
    expect(attach(machine, 'cpu', allocating)).toBe(0);
    expect(attach(machine, 'memory', direct)).toBe(0);
  });

  boardTest({ attach: 'enforce', attachError: 'EBUSY' })('enforced: or EBUSY', ({ machine }) => {
    expect(attach(machine, 'cpu', direct)).toBe('EBUSY');
  });

  boardTest({ attach: 'track' })('tracked: a finding', ({ machine }) => {
    expect(attach(machine, 'cpu', direct)).toBe(0);
    expect(attach(machine, 'memory', allocating)).toBe(0);
    expect(brokenRules(machine)).toEqual(['coherency-device-not-snooping', 'coherency-device-allocates']);
  });

  boardTest({ attach: 'ignore' })('ignored, as in 6.12', ({ machine }) => {
    expect(attach(machine, 'cpu', direct)).toBe(0);
  });

  boardTest({ attach: 'enforce' })(
    'C5: devices of which one allocates and the other does not see it are a finding',
    ({ program, machine }) => {
      program.attach('allocating');
      program.attach('direct');
      expect(brokenRules(machine)).toEqual(['coherency-devices-differ']);
    },
  );

  boardTest({ attach: 'enforce', enforceDefault: true })('C5: or an error', ({ program }) => {
    program.attach('allocating');
    expect(() => program.attach('direct')).toThrow(expect.objectContaining({ code: 'EPERM' }));
    program.begin(DMA_BUF_SYNC_READ);
    program.end(DMA_BUF_SYNC_READ);
  });
});
