/** Scenarios of section 19 of docs/reference/vc-sm-cma.md that need more than one program, or a moment in between. */
import { describe, expect, test } from 'vitest';
import { O_RDWR, PAGE_SIZE, VC_SM_CMA_IOCTL_MEM_ALLOC } from '../../../src/abi/uapi/index.ts';
import { liveDmaBufs } from '../../../src/dma-buf/index.ts';
import type { LocalHandle } from '../../../src/drivers/vc-sm-cma/index.ts';
import { bufferAt } from '../../dma-buf/fixture.ts';
import {
  alloc,
  bench,
  bytesOf,
  codeOf,
  heapBuffer,
  importFd,
  importing,
  listed,
  openNode,
  rules,
  settle,
  stateText,
  vpuLog,
} from './fixture.ts';

test('15: a signal before the command was sent starts the call again, unseen', () => {
  const on = bench();
  const node = openNode(on);
  on.machine.faults.add('wait:what=an answer of the VPU:nth=1:ERESTARTSYS');
  const { handle, vc_handle } = alloc(on, node, 1);
  expect(vc_handle).toBe(0xc0000020);
  // The first try had a number and an id; only the number is gone.
  expect(vpuLog(on).filter((line) => line.startsWith('IMPORT'))).toEqual([expect.stringContaining('trans_id 3 ')]);
  expect(vpuLog(on).at(-1)).toContain('kernel_id 00000001');
  for (const fd of [handle, node]) on.sys.close(fd);
  on.machine.shutdown();
});

describe('21: fork', () => {
  test('the child closes everything, and the buffers of its parent stay', () => {
    const on = bench();
    const program = on.machine.spawn(function* (sys) {
      const node = yield* sys.open('/dev/vcsm-cma', O_RDWR);
      const { handle, vc_handle } = yield* sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, { size: PAGE_SIZE, name: bytesOf('of the parent') });
      const mapping = yield* sys.mmap(handle, { length: PAGE_SIZE });
      let childEnded = false;
      yield* sys.fork(function* (child) {
        for (const fd of [node, handle]) yield* child.close(fd);
        childEnded = true;
      });
      while (!childEnded) yield* sys.sched_yield();
      yield* sys.nanosleep(1e6);
      on.videocore.write(vc_handle, 3, Uint8Array.of(8));
      const seen = [mapping.bytes[3], on.driver?.resources, vpuLog(on).filter((line) => line.startsWith('FREE')).length];
      // And the node works on.
      const second = yield* sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, { size: PAGE_SIZE });
      return [...seen, second.vc_handle];
    });
    on.machine.system.scheduler.settle();
    expect(program.result()).toEqual([8, 1, 0, 0xc0000021]);
    settle(on);
    expect([listed(on), on.videocore.handles]).toEqual([[], []]);
    on.machine.shutdown();
  });

  test('a child may use the node and the buffers of its parent, under its own number', () => {
    const on = bench();
    const tgids: number[] = [];
    on.machine.spawn(function* (sys) {
      const node = yield* sys.open('/dev/vcsm-cma', O_RDWR);
      yield* sys.fork(function* (child) {
        tgids.push(child.pid);
        yield* child.ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, { size: PAGE_SIZE });
      });
    });
    on.machine.system.scheduler.settle();
    expect(vpuLog(on).flatMap((line) => /allocator (\d+)/.exec(line)?.[1] ?? [])).toEqual(tgids.map(String));
    on.machine.shutdown();
  });
});

test('22: a buffer is not in debugfs until the VPU has answered', () => {
  const on = bench({ script: { holdsReplies: true } });
  const driver = on.driver as NonNullable<typeof on.driver>;
  const fd = heapBuffer(on);
  let handle: LocalHandle | undefined;
  on.machine.system.scheduler.spawn('an import', undefined, driver.importDmaBuf(bufferAt(on.machine, fd)), (outcome) => {
    if (outcome.ok) handle = outcome.value;
  });
  settle(on);
  expect([handle, on.videocore.heldReplies.length]).toEqual([undefined, 1]);
  const first = stateText(on);
  expect(first).toContain('Total resource count:   0\n');
  expect(stateText(on)).toBe(first);
  on.videocore.sendHeldReply();
  settle(on);
  expect(listed(on)).toEqual([['c0000020', 1]]);
  driver.free(handle);
  on.sys.close(fd);
  on.machine.shutdown();
});

describe('the end of the service', () => {
  test('takes the handles with it, held or not: nothing is left on either side', () => {
    const on = bench();
    const node = openNode(on);
    const source = heapBuffer(on);
    const [imported, allocated] = [importFd(on, node, source), alloc(on, node, PAGE_SIZE)];
    on.sys.close(source);
    on.videocore.hold(imported.vc_handle);
    on.sys.close(imported.handle);
    settle(on);
    expect(listed(on)).toEqual([
      ['c0000021', 1],
      ['c0000020', 2],
    ]);
    on.videocore.closeService();
    settle(on);
    expect([listed(on), on.videocore.handles]).toEqual([[['00000000', 0]], []]);
    expect(liveDmaBufs(on.machine.system)).toHaveLength(1);
    // The memory is still the program's.
    const mapping = on.sys.mmap(allocated.handle, { length: PAGE_SIZE });
    mapping.bytes[0] = 1;
    on.sys.munmap(mapping);
    expect(codeOf(() => alloc(on, node, 1))).toBe('ENOMEM');
    for (const fd of [allocated.handle, node]) on.sys.close(fd);
    settle(on);
    expect(listed(on)).toEqual([]);
    on.machine.shutdown();
    expect(rules(on)).toEqual([]);
  });

  test('comes while an import waits, whose memory a component holds: the call fails, and the memory goes', () => {
    const on = bench({ script: { holdsReplies: true } });
    on.videocore.script.onImport = (handle) => on.videocore.hold(handle);
    const importer = importing(on);
    settle(on);
    on.videocore.closeService();
    settle(on);
    expect([importer.said, listed(on), on.videocore.handles, liveDmaBufs(on.machine.system)]).toEqual(['ENOMEM', [], [], []]);
    on.machine.shutdown();
    expect(rules(on)).toEqual([]);
  });
});
