/** The designs of the review, by the same script: section 17.2 of docs/reference/vc-sm-cma.md. */
import { describe, expect, test } from 'vitest';
import { DMA_BUF_IOCTL_SYNC, PAGE_SIZE } from '../../../src/abi/uapi/index.ts';
import { liveDmaBufs } from '../../../src/dma-buf/index.ts';
import type { Design } from '../../../src/drivers/vc-sm-cma/index.ts';
import { bufferAt, run } from '../../dma-buf/fixture.ts';
import { alloc, type Bench, bench, codeOf, heapBuffer, importFd, interrupted, listed, openNode, rules, settle, vpuLog } from './fixture.ts';

const designs: readonly (readonly [string, Design])[] = (['second-dma-buf', 'explicit'] as const).flatMap((handle) =>
  (['at-local-end', 'at-released'] as const).map((detaches) => [`${handle}, detached ${detaches}`, { handle, detaches }] as const),
);

const buffers = ({ machine }: Bench) => liveDmaBufs(machine.system).map(({ exporterName }) => exporterName);
const attachments = ({ machine }: Bench) =>
  liveDmaBufs(machine.system).find(({ exporterName }) => exporterName === 'linux,cma')?.attachments.length ?? 'no source';
const frees = (on: Bench) => vpuLog(on).filter((line) => line.startsWith('FREE')).length;

describe.each(designs)('%s', (_, design) => {
  const attachedAfterEnd = design.detaches === 'at-local-end' ? 0 : 1;

  test('the source is dropped by RELEASED after the last close, and not before', () => {
    const on = bench({ design });
    const node = openNode(on);
    const source = heapBuffer(on);
    const { handle, vc_handle } = importFd(on, node, source);
    expect(buffers(on)).toHaveLength(design.handle === 'explicit' ? 1 : 2);
    on.sys.close(source);
    on.videocore.hold(vc_handle);
    on.sys.close(handle);
    settle(on);
    expect([frees(on), listed(on), attachments(on)]).toEqual([1, [['c0000020', 2]], attachedAfterEnd]);
    on.videocore.write(vc_handle, 0, Uint8Array.of(3));
    on.videocore.unhold(vc_handle);
    settle(on);
    expect([listed(on), buffers(on)]).toEqual([[], []]);
    on.sys.close(node);
    on.machine.shutdown();
    expect(rules(on)).toEqual([]);
  });

  test('when the VPU goes first, the close drops the source, without FREE', () => {
    const on = bench({ design });
    const node = openNode(on);
    const source = heapBuffer(on);
    const { handle, vc_handle } = importFd(on, node, source);
    on.sys.close(source);
    on.videocore.heap.release(vc_handle);
    settle(on);
    expect([listed(on), attachments(on)]).toEqual([[['00000000', 0]], 1]);
    on.sys.close(handle);
    settle(on);
    expect([frees(on), listed(on), buffers(on)]).toEqual([0, [], []]);
    on.sys.close(node);
    on.machine.shutdown();
  });

  test('an import that a signal ends leaves nothing', () => {
    const on = bench({ design });
    expect(interrupted(on, 0, () => {})).toBe('EINTR');
    settle(on);
    expect([listed(on), on.videocore.handles, buffers(on)]).toEqual([[], [], []]);
    on.machine.shutdown();
  });

  test('a driver in the kernel imports, asks for the handle, and frees', () => {
    const on = bench({ design });
    const driver = on.driver as NonNullable<typeof on.driver>;
    const fd = heapBuffer(on);
    const handle = run(on.machine, driver.importDmaBuf(bufferAt(on.machine, fd)));
    on.sys.close(fd);
    expect(driver.intHandle(handle)).toBe(0xc0000020);
    driver.free(handle);
    settle(on);
    expect([frees(on), listed(on), buffers(on)]).toEqual([1, [], []]);
    on.machine.shutdown();
  });

  test('behind an IOMMU, what the VPU writes after the close arrives only if the mapping is still there', () => {
    const on = bench({ design, isTranslated: true });
    const node = openNode(on);
    const source = heapBuffer(on);
    const { handle, vc_handle } = importFd(on, node, source);
    on.videocore.hold(vc_handle);
    on.sys.close(handle);
    settle(on);
    on.videocore.write(vc_handle, 0, Uint8Array.of(9));
    const mapping = on.sys.mmap(source, { length: PAGE_SIZE });
    on.sys.ioctl(source, DMA_BUF_IOCTL_SYNC, { flags: 1 });
    const isLate = design.detaches === 'at-released';
    expect([mapping.bytes[0], rules(on)]).toEqual(isLate ? [9, []] : [0, ['dma-outside-mapping']]);
    if (!isLate) on.machine.system.findings.expect('dma-outside-mapping');
    on.sys.munmap(mapping);
    for (const fd of [source, node]) on.sys.close(fd);
    on.machine.shutdown();
  });
});

test('a mapping of the second dma-buf keeps what the VPU has; with an explicit handle only the memory', () => {
  for (const handle of ['second-dma-buf', 'explicit'] as const) {
    const on = bench({ design: { handle } });
    const node = openNode(on);
    const source = heapBuffer(on);
    const imported = importFd(on, node, source);
    const mapping = on.sys.mmap(handle === 'explicit' ? source : imported.handle, { length: PAGE_SIZE });
    for (const fd of [imported.handle, source, node]) on.sys.close(fd);
    settle(on);
    expect([frees(on), on.videocore.handles.length]).toEqual(handle === 'explicit' ? [1, 0] : [0, 1]);
    mapping.bytes[0] = 1;
    on.sys.munmap(mapping);
    settle(on);
    expect([listed(on), buffers(on)]).toEqual([[], []]);
    on.machine.shutdown();
  }
});

test('an explicit handle is a plain file: neither mapped nor synced; and there are no allocations', () => {
  const on = bench({ design: { handle: 'explicit' } });
  const node = openNode(on);
  const source = heapBuffer(on);
  const { handle } = importFd(on, node, source);
  expect(codeOf(() => on.sys.mmap(handle, { length: PAGE_SIZE }))).toBe('ENODEV');
  expect(codeOf(() => on.sys.ioctl(handle, DMA_BUF_IOCTL_SYNC, { flags: 3 }))).toBe('ENOTTY');
  expect(codeOf(() => importFd(on, node, handle))).toBe('EINVAL');
  expect(codeOf(() => alloc(on, node, 1))).toBe('EINVAL');
  const copy = on.sys.dup(handle);
  on.sys.close(handle);
  settle(on);
  expect(frees(on)).toBe(0);
  for (const fd of [copy, source, node]) on.sys.close(fd);
  settle(on);
  expect(frees(on)).toBe(1);
  on.machine.shutdown();
});
