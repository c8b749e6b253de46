/** Every order of events: section 8.3 of docs/reference/vc-sm-cma.md, and the scenarios of section 19 that are about time. */
import { describe, expect, test } from 'vitest';
import { PAGE_SIZE, SA_RESTART, SIGKILL } from '../../../src/abi/uapi/index.ts';
import { type DmaBuf, liveDmaBufs } from '../../../src/dma-buf/index.ts';
import type { LocalHandle } from '../../../src/drivers/vc-sm-cma/index.ts';
import { encodeBody, vc_sm_released } from '../../../src/ports/videocore/index.ts';
import { bufferAt, run } from '../../dma-buf/fixture.ts';
import {
  alloc,
  type Bench,
  bench,
  codeOf,
  errors,
  heapBuffer,
  importFd,
  interrupted,
  listed,
  openNode,
  settle,
  vpuLog,
} from './fixture.ts';

/** Whether any buffer of the heap is alive. */
const isSourceAlive = ({ machine }: Bench) => liveDmaBufs(machine.system).some(({ exporterName }) => exporterName === 'linux,cma');

const released = (kernel_id: number, vc_handle: number) =>
  encodeBody(vc_sm_released, { cmd: 0x8000000b, addr: 0xd0000000, size: PAGE_SIZE, kernel_id, vc_handle });

const ALREADY = (id: number) => `vc_sm_vpu_event: VC released a buffer that is already released, kernel_id ${id}`;

/** An import whose source only the driver holds. */
function shared(on: Bench) {
  const node = openNode(on);
  const source = heapBuffer(on);
  const answer = importFd(on, node, source);
  on.sys.close(source);
  return { node, ...answer };
}

function end(on: Bench, ...fds: number[]): void {
  for (const fd of fds) on.sys.close(fd);
  on.machine.shutdown();
}

describe('the source is dropped', () => {
  test('by RELEASED after the last close, and not before', () => {
    const on = bench();
    const { node, handle, vc_handle } = shared(on);
    expect(isSourceAlive(on)).toBe(true);
    on.sys.close(handle);
    expect(listed(on)).toEqual([[vc_handle.toString(16), 2]]);
    expect(isSourceAlive(on)).toBe(true);
    settle(on);
    expect([listed(on), isSourceAlive(on)]).toEqual([[], false]);
    expect(vpuLog(on).slice(-2)).toEqual(['FREE handle c0000020, 0 references left', 'RELEASED handle c0000020 kernel_id 00000001']);
    end(on, node);
  });

  test('as late as the VPU likes, and it may use the memory meanwhile', () => {
    const on = bench();
    const { node, handle, vc_handle } = shared(on);
    on.videocore.hold(vc_handle);
    on.sys.close(handle);
    settle(on);
    expect(listed(on)).toEqual([['c0000020', 2]]);
    on.videocore.write(vc_handle, 0, Uint8Array.of(5));
    expect([...on.videocore.read(vc_handle, 0, 1)]).toEqual([5]);
    expect(isSourceAlive(on)).toBe(true);
    on.videocore.unhold(vc_handle);
    settle(on);
    expect([listed(on), isSourceAlive(on)]).toEqual([[], false]);
    end(on, node);
  });

  test('by the close, without FREE, when the VPU went first', () => {
    const on = bench();
    const { node, handle, vc_handle } = shared(on);
    on.videocore.heap.release(vc_handle);
    settle(on);
    expect(listed(on)).toEqual([['00000000', 0]]);
    const second = bufferAt(on.machine, handle);
    expect(on.driver?.intHandle(second)).toBe(0);
    expect(isSourceAlive(on)).toBe(true);
    on.sys.close(handle);
    settle(on);
    expect([listed(on), isSourceAlive(on)]).toEqual([[], false]);
    expect(vpuLog(on).some((line) => line.startsWith('FREE'))).toBe(false);
    end(on, node);
  });

  test('by the close when the firmware is of protocol 1; ids are used again', () => {
    const on = bench({ script: { acknowledgesVersion: false } });
    for (let i = 0; i < 2; i++) {
      const { node, handle } = shared(on);
      expect(vpuLog(on).at(-1)).toContain('kernel_id 00000001');
      on.sys.close(handle);
      expect([listed(on), isSourceAlive(on)]).toEqual([[], false]);
      settle(on);
      on.sys.close(node);
    }
    on.machine.shutdown();
  });

  test('a second RELEASED is a line in the log and changes nothing', () => {
    const on = bench();
    const { node, handle } = shared(on);
    on.sys.close(handle);
    settle(on);
    on.videocore.send(released(1, 0xc0000020));
    settle(on);
    expect(errors(on)).toEqual([ALREADY(1)]);
    end(on, node);
  });

  test('a late RELEASED does not hit the buffer that has its id now', () => {
    const on = bench();
    const first = shared(on);
    on.sys.close(first.handle);
    settle(on);
    const other = alloc(on, first.node, PAGE_SIZE);
    const { handle } = other;
    on.videocore.send(released(1, 0xc0000077));
    settle(on);
    expect(errors(on)).toEqual([ALREADY(1)]);
    expect(listed(on)).toEqual([['c0000020', 1]]);
    end(on, handle, first.node);
  });

  test('RELEASED right behind the answer waits for the import', () => {
    const on = bench({ script: { releasesAtOnce: true } });
    const { node, handle } = shared(on);
    expect(listed(on)).toEqual([['00000000', 0]]);
    on.sys.close(handle);
    settle(on);
    expect([listed(on), isSourceAlive(on)]).toEqual([[], false]);
    end(on, node);
  });

  test('an allocation stays under its descriptor when the VPU goes first', () => {
    const on = bench();
    const node = openNode(on);
    const { handle, vc_handle } = alloc(on, node, PAGE_SIZE);
    on.videocore.heap.release(vc_handle);
    settle(on);
    expect(listed(on)).toEqual([['00000000', 0]]);
    const mapping = on.sys.mmap(handle, { length: PAGE_SIZE });
    mapping.bytes[0] = 1;
    on.sys.munmap(mapping);
    end(on, handle, node);
  });

  test('never when FREE could not be queued, which shutdown tells', () => {
    const on = bench();
    const { node, handle } = shared(on);
    on.videocore.script.queueFailures = 1;
    on.sys.close(handle);
    settle(on);
    expect(listed(on)).toEqual([['c0000020', 2]]);
    expect(errors(on)).toEqual(['vc_sm_cma_vchi_videocore_io: failed to queue message (-1)']);
    on.sys.close(node);
    expect(() => on.machine.shutdown()).toThrow('left at shutdown');
    expect(on.machine.system.findings.all.map(({ rule }) => rule)).toEqual(['vcsm-handle-left', 'vcsm-buffer-left']);
  });

  test('by RELEASED when there is no file for the second dma-buf: FREE is sent', () => {
    const on = bench();
    const node = openNode(on);
    const source = heapBuffer(on);
    on.machine.faults.add('file:what=dmabuf:nth=1:ENFILE');
    expect(codeOf(() => importFd(on, node, source))).toBe('ENFILE');
    on.sys.close(source);
    expect([listed(on), isSourceAlive(on)]).toEqual([[['c0000020', 2]], true]);
    settle(on);
    expect([listed(on), isSourceAlive(on), errors(on)]).toEqual([[], false, []]);
    expect(vpuLog(on).slice(-2)).toEqual(['FREE handle c0000020, 0 references left', 'RELEASED handle c0000020 kernel_id 00000001']);
    end(on, node);
  });

  test('two imports of one source are two buffers, each with its own end', () => {
    const on = bench();
    const node = openNode(on);
    const source = heapBuffer(on);
    const [a, b] = [importFd(on, node, source), importFd(on, node, source)] as const;
    expect([a.vc_handle, b.vc_handle]).toEqual([0xc0000020, 0xc0000021]);
    expect(bufferAt(on.machine, source).attachments).toHaveLength(2);
    on.sys.close(a.handle);
    settle(on);
    expect(bufferAt(on.machine, source).attachments).toHaveLength(1);
    expect(listed(on)).toEqual([['c0000021', 1]]);
    end(on, b.handle, source, node);
  });
});

describe('drivers in the kernel', () => {
  test('a table for the lens: import, hand over, free, put; it lives until it is replaced', () => {
    const on = bench();
    const fd = heapBuffer(on);
    const source: DmaBuf<any> = bufferAt(on.machine, fd);
    const driver = on.driver as NonNullable<typeof on.driver>;
    const table = run(on.machine, driver.importDmaBuf(source));
    const handle = driver.intHandle(table);
    on.videocore.hold(handle);
    driver.free(table);
    on.sys.close(fd);
    settle(on);
    expect([listed(on), isSourceAlive(on)]).toEqual([[[handle.toString(16), 2]], true]);
    on.videocore.unhold(handle);
    settle(on);
    expect([listed(on), isSourceAlive(on)]).toEqual([[], false]);
    on.machine.shutdown();
  });

  test('without a buffer: EPERM, EPERM, and no handle', () => {
    const on = bench();
    const driver = on.driver as NonNullable<typeof on.driver>;
    expect(codeOf(() => run(on.machine, driver.importDmaBuf(undefined)))).toBe('EPERM');
    expect(codeOf(() => driver.free(undefined))).toBe('EPERM');
    expect(driver.intHandle(undefined)).toBe(0);
    on.machine.shutdown();
  });

  test('memory that the VPU asks for is what it can write to, until it lets go', () => {
    const on = bench();
    on.machine.system.scheduler.runReady();
    settle(on);
    const handle = on.videocore.requestMemory(5000, 4096, 'codec');
    settle(on);
    expect(listed(on)).toEqual([[handle.toString(16), 1]]);
    on.videocore.write(handle, 4999, Uint8Array.of(3));
    expect([...on.videocore.read(handle, 4999, 1)]).toEqual([3]);
    on.videocore.heap.release(handle);
    settle(on);
    expect(listed(on)).toEqual([]);
    on.machine.shutdown();
  });
});

describe('a signal while the import waits', () => {
  test.each([
    ['EINTR', 0, 1],
    ['handle 2', SA_RESTART, 2],
  ] as const)('after the command went out is %s with flags %d; the VPU is asked to free what it made', (said, flags, imports) => {
    const on = bench();
    expect(interrupted(on, flags, () => {})).toBe(said);
    settle(on);
    expect(vpuLog(on).filter((line) => line.startsWith('IMPORT'))).toHaveLength(imports);
    expect([listed(on), on.videocore.handles, isSourceAlive(on)]).toEqual([[], [], false]);
    on.machine.shutdown();
  });

  test('SIGKILL is the same to the driver', () => {
    const on = bench();
    expect(interrupted(on, 0, () => {}, SIGKILL)).toBe('Killed');
    settle(on);
    expect([listed(on), on.videocore.handles, isSourceAlive(on)]).toEqual([[], [], false]);
    on.machine.shutdown();
  });

  test('the end of the service wakes who waits: ENOMEM', () => {
    const on = bench();
    expect(
      interrupted(on, 0, ({ videocore, machine }) => {
        videocore.closeService();
        machine.system.clock.runNext();
        machine.system.scheduler.runReady();
      }),
    ).toBe('ENOMEM');
    expect(on.machine.system.log.lines.map(({ text }) => text)).toContain('vc_sm_cma_vchi_callback: service CLOSED!!');
    on.machine.shutdown();
  });

  test('with Q9 the source goes at once, and the VPU keeps its handle', () => {
    const on = bench({}, ['Q9']);
    expect(interrupted(on, 0, () => {})).toBe('EINTR');
    settle(on);
    expect(errors(on)).toEqual(['vc_sm_cma_vchi_rx_ack: received response 2, throw away...']);
    expect([isSourceAlive(on), on.videocore.handles]).toEqual([false, [0xc0000020]]);
    on.machine.shutdown();
    expect(on.machine.system.findings.all.map(({ rule }) => rule)).toEqual(['vcsm-handle-left']);
  });
});

describe('the transport', () => {
  test('has 32 commands in flight, and the rest wait for a block', () => {
    const on = bench({ script: { holdsReplies: true } });
    const source = heapBuffer(on);
    const { system } = on.machine;
    const driver = on.driver as NonNullable<typeof on.driver>;
    const second: LocalHandle[] = [];
    for (let i = 0; i < 40; i++)
      system.scheduler.spawn(`import ${i}`, undefined, driver.importDmaBuf(bufferAt(on.machine, source)), (outcome) => {
        if (outcome.ok) second.push(outcome.value);
      });
    settle(on);
    expect([driver.inFlight, on.videocore.heldReplies.length]).toEqual([32, 32]);
    expect(listed(on)).toEqual([]);
    // The newest first: answers find their commands in any order.
    while (on.videocore.heldReplies.length > 0) {
      on.videocore.sendHeldReply(on.videocore.heldReplies.length - 1);
      settle(on);
    }
    expect(second).toHaveLength(40);
    expect(new Set(second.map((one) => driver.intHandle(one))).size).toBe(40);
    for (const one of second) driver.free(one);
    end(on, source);
  });

  test('RELEASED without a slot stops the VPU, also for imports', () => {
    const on = bench();
    const { node, handle } = shared(on);
    on.videocore.script.stallsReleased = true;
    on.sys.close(handle);
    settle(on);
    const source = heapBuffer(on);
    on.machine.system.clock.schedule(1e6, 'slots are free again', () => on.videocore.resumeReleased());
    const before = on.machine.system.now();
    const { handle: second } = importFd(on, node, source);
    expect(on.machine.system.now() - before).toBeGreaterThanOrEqual(1e6);
    end(on, second, source, node);
  });

  test('answers nobody asked for, events nobody knows and answers too long are lines in the log', () => {
    const on = bench();
    settle(on);
    on.videocore.send(Uint8Array.of(99, 0, 0, 0));
    on.videocore.send(Uint8Array.of(0x55, 0, 0, 0x80));
    on.videocore.send(new Uint8Array(64));
    on.videocore.send(new Uint8Array(0));
    settle(on);
    expect(errors(on)).toEqual([
      'vc_sm_cma_vchi_rx_ack: received response 99, throw away...',
      'vc_sm_vpu_event: Unknown vpu cmd 80000055',
      'vc_sm_cma_vchi_rx_ack: reply too big (64) 0, throw away...',
      'vc_sm_cma_vchi_rx_ack: received response 0, throw away...',
    ]);
    on.machine.shutdown();
  });
});

test('behind an IOMMU the mapping ends before the use by the VPU, which is a finding', () => {
  const on = bench({ isTranslated: true });
  const { node, handle, vc_handle } = shared(on);
  on.videocore.hold(vc_handle);
  on.videocore.write(vc_handle, 0, Uint8Array.of(1));
  expect(on.machine.system.findings.all).toEqual([]);
  on.sys.close(handle);
  settle(on);
  on.videocore.write(vc_handle, 0, Uint8Array.of(2));
  expect(on.machine.system.findings.all.map(({ rule }) => rule)).toEqual(['dma-outside-mapping']);
  on.machine.system.findings.expect('dma-outside-mapping');
  end(on, node);
});
