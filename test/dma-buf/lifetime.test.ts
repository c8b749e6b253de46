import { PAGE_SIZE, POLLIN } from '../../src/abi/uapi/index.ts';
import { DmaResv, liveDmaBufs, DMA_RESV_USAGE_READ as READ, DMA_RESV_USAGE_WRITE as WRITE } from '../../src/dma-buf/index.ts';
import { sleep } from '../../src/kernel/index.ts';
import { add, bufferAt, describe, expect, exportBuffer, test } from './fixture.ts';

describe('the exporter’s release', () => {
  test('comes once, with the last of everything that holds the buffer', ({ machine, sys, driver }) => {
    let releases = 0;
    const memory = machine.system.memory.allocate(2 * PAGE_SIZE, 'a test');
    const { dmabuf, fd } = exportBuffer(machine, {
      release: () => {
        releases++;
        memory.put();
      },
      mmap: (_, vma) => {
        vma.backing = [{ memory, offset: vma.offset, length: vma.length }];
      },
    });
    const fence = driver.fence();
    add(dmabuf.resv, fence, WRITE);
    const mapping = sys.mmap(fd, { length: PAGE_SIZE });
    const copy = sys.dup(fd);
    const [one, other] = sys.socketpair();
    sys.sendmsg(one, '', [fd]);
    sys.poll([{ fd, events: POLLIN }], 0);
    dmabuf.get();
    const steps = [
      () => sys.close(fd),
      () => sys.munmap(mapping),
      () => sys.close(copy),
      () => sys.close(one),
      () => sys.close(other),
      () => fence.signal(),
      () => dmabuf.put(),
    ];
    const seen = steps.map((step) => {
      step();
      return releases;
    });
    expect(seen).toEqual([0, 0, 0, 0, 0, 0, 1]);
    expect(liveDmaBufs(machine.system)).toEqual([]);
  });

  test('comes though fences are pending, which the buffer lets go', ({ machine, sys, driver }) => {
    let released = 0;
    const { dmabuf, fd } = exportBuffer(machine, { release: () => void released++ });
    let freed = 0;
    const fence = driver.fence({ ops: { release: () => freed++ } });
    add(dmabuf.resv, fence, READ);
    driver.put(fence);
    sys.close(fd);
    expect([released, freed]).toEqual([1, 1]);
  });

  test('may wait: the close that caused it takes as long', ({ machine, sys }) => {
    const { fd } = exportBuffer(machine, { release: () => sleep(250) });
    const began = machine.system.now();
    sys.close(fd);
    expect(machine.system.now() - began).toBe(250);
  });

  test('may wait also after a munmap, the end of a program, and an event', async ({ machine, sys }) => {
    const released: number[] = [];
    const make = () =>
      exportBuffer(machine, {
        *release() {
          yield* sleep(10);
          released.push(machine.system.now() - 1e9);
        },
        mmap: () => {},
      });
    const mapped = make();
    const mapping = sys.mmap(mapped.fd, { length: PAGE_SIZE });
    sys.close(mapped.fd);
    sys.munmap(mapping);
    const inherited = make();
    for (const end of [100, 300]) {
      sys.fork(function* (child) {
        if (end === 300) yield* child.close(inherited.fd);
        yield* child.nanosleep(end);
      });
    }
    sys.close(inherited.fd);
    const held = make();
    held.dmabuf.get();
    sys.close(held.fd);
    machine.system.clock.schedule(200, 'a driver', () => held.dmabuf.put());
    await machine.run();
    expect(released).toEqual([10, 120, 220]);
  });

  test('ends before the fences of the buffer are let go', ({ machine, sys, driver }) => {
    const order: string[] = [];
    const { dmabuf, fd } = exportBuffer(machine, {
      *release() {
        yield* sleep(5);
        order.push('buffer');
      },
    });
    const fence = driver.fence({ ops: { release: () => order.push('fence') } });
    add(dmabuf.resv, fence, READ);
    driver.put(fence);
    sys.close(fd);
    expect(order).toEqual(['buffer', 'fence']);
  });

  test('may close another buffer', ({ machine, sys }) => {
    const order: string[] = [];
    const inner = exportBuffer(machine, { release: () => void order.push('inner') });
    inner.dmabuf.get();
    const outer = exportBuffer(machine, {
      release: () => {
        order.push('outer');
        inner.dmabuf.put();
      },
    });
    for (const { fd } of [inner, outer]) sys.close(fd);
    expect(order).toEqual(['outer', 'inner']);
  });
});

describe('fences that buffers share', () => {
  test('stay with whoever made the list', ({ machine, sys, driver }) => {
    const resv = new DmaResv(machine.system, 'a pool');
    const buffers = [exportBuffer(machine, {}, resv), exportBuffer(machine, {}, resv)];
    const fence = driver.later(10);
    add(resv, fence, WRITE);
    const first = buffers[0] as (typeof buffers)[0];
    expect(bufferAt(machine, first.fd).resv).toBe(resv);
    sys.close(first.fd);
    expect([...resv.pending(WRITE)]).toEqual([fence]);
    const second = buffers[1] as (typeof buffers)[1];
    expect(sys.poll([{ fd: second.fd, events: POLLIN }])).toEqual([POLLIN]);
    sys.close(second.fd);
    resv.finish();
  });
});
