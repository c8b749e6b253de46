import { describe, expect, test } from 'vitest';
import { iocNr } from '../../../src/abi/index.ts';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_START,
  O_RDWR,
  PAGE_SIZE,
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2,
} from '../../../src/abi/uapi/index.ts';
import { raspberrypi3 } from '../../../src/index.ts';
import { alloc, bench, codeOf, errors, heapBuffer, importFd, listed, openNode, settle, stateText, vpuLog } from './fixture.ts';

describe('the node', () => {
  test('is not there without the service in the firmware', () => {
    const on = bench({ hasSmem: false });
    expect(codeOf(() => openNode(on))).toBe('ENOENT');
    expect(codeOf(() => on.sys.open('/sys/kernel/debug/vcsm-cma/state'))).toBe('ENOENT');
    expect(errors(on)).toContain('[vc_sm_connected_init]: failed to initialize shared memory service');
    on.machine.shutdown();
  });

  test('allocates: one byte is a page, which the VPU gets with the default name', () => {
    const on = bench();
    const node = openNode(on);
    const { handle, vc_handle, dma_addr } = alloc(on, node, 1);
    expect(vc_handle).toBe(0xc0000020);
    expect(dma_addr).toBeGreaterThanOrEqual(0xc0000000);
    expect(vpuLog(on)).toEqual([
      'CLIENT_VERSION 2',
      `IMPORT trans_id 2 addr ${dma_addr.toString(16)} size 4096 kernel_id 00000001 allocator 1 'sm-host-resource': handle c0000020`,
    ]);
    expect(listed(on)).toEqual([['c0000020', 1]]);
    expect(on.sys.fstat(handle).size).toBe(4096);
    on.sys.close(node);
    expect(listed(on)).toHaveLength(1);
    on.sys.close(handle);
    settle(on);
    expect(listed(on)).toEqual([]);
    on.machine.shutdown();
  });

  test.each([
    [0, 'EINVAL'],
    [0xfffff001, 'EINVAL'],
    [0x80000000, 'ENOMEM'],
    [512 * 2 ** 20, 'ENOMEM'],
  ])('an allocation of %d bytes is %s', (size, code) => {
    const on = bench();
    const node = openNode(on);
    expect(codeOf(() => alloc(on, node, size))).toBe(code);
    on.sys.close(node);
    on.machine.shutdown();
  });

  test('shows a program the bytes that the VPU wrote, and the VPU those of the program', () => {
    const on = bench();
    const node = openNode(on);
    const { handle, vc_handle } = alloc(on, node, 2 * PAGE_SIZE, 'shared');
    const mapping = on.sys.mmap(handle, { length: 2 * PAGE_SIZE });
    on.videocore.write(vc_handle, PAGE_SIZE + 5, Uint8Array.of(1, 2, 3));
    expect([...mapping.bytes.subarray(PAGE_SIZE + 5, PAGE_SIZE + 8)]).toEqual([1, 2, 3]);
    mapping.bytes.set([9], 0);
    expect([...on.videocore.read(vc_handle, 0, 1)]).toEqual([9]);
    const second = on.sys.mmap(handle, { length: PAGE_SIZE, offset: PAGE_SIZE });
    expect([...second.bytes.subarray(5, 8)]).toEqual([1, 2, 3]);
    for (const one of [mapping, second]) on.sys.munmap(one);
    on.sys.close(handle);
    on.sys.close(node);
    on.machine.shutdown();
  });

  test('a mapping keeps a buffer whose descriptor and node are closed: FREE comes with munmap', () => {
    const on = bench();
    const node = openNode(on);
    const { handle } = alloc(on, node, PAGE_SIZE);
    const mapping = on.sys.mmap(handle, { length: PAGE_SIZE });
    on.sys.close(node);
    on.sys.close(handle);
    settle(on);
    expect(vpuLog(on).some((line) => line.startsWith('FREE'))).toBe(false);
    on.sys.munmap(mapping);
    settle(on);
    expect(vpuLog(on).filter((line) => line.startsWith('FREE'))).toHaveLength(1);
    expect(on.driver?.resources).toBe(0);
    on.machine.shutdown();
  });

  test('imports a contiguous buffer, whose address needs no correction', () => {
    const on = bench();
    const node = openNode(on);
    const source = heapBuffer(on);
    const answer = importFd(on, node, source);
    expect(answer).toMatchObject({ vc_handle: 0xc0000020, size: 2 * PAGE_SIZE, dmabuf_fd: source });
    expect(Math.floor(answer.dma_addr / 2 ** 30)).toBe(3);
    expect(errors(on)).toEqual([]);
    on.sys.close(source);
    const mapping = on.sys.mmap(answer.handle, { length: 2 * PAGE_SIZE });
    on.sys.ioctl(answer.handle, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW });
    on.videocore.write(answer.vc_handle, 0, Uint8Array.of(77));
    on.sys.ioctl(answer.handle, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW });
    expect(mapping.bytes[0]).toBe(77);
    on.sys.munmap(mapping);
    on.sys.close(answer.handle);
    on.sys.close(node);
    on.machine.shutdown();
  });

  test('without dma-ranges the VPU sees a corrected address, the program the raw one, and the log complains', () => {
    const on = bench({ dmaRanges: [] });
    const node = openNode(on);
    const source = heapBuffer(on);
    const { dma_addr, handle } = importFd(on, node, source);
    expect(dma_addr).toBeLessThan(0x40000000);
    const shown = (dma_addr + 0xc0000000).toString(16);
    expect(vpuLog(on).at(-1)).toContain(`addr ${shown} `);
    const expected = `vc_sm_cma_import_dmabuf_internal: Expecting an uncached alias for dma_addr 0x${dma_addr.toString(16).padStart(16, '0')}`;
    expect(errors(on)).toEqual([expected]);
    for (const fd of [handle, source, node]) on.sys.close(fd);
    on.machine.shutdown();
  });

  test('without dma-ranges the VPU gets what it asks for at a corrected address, too, of which only the first is complained of', () => {
    const on = bench({ dmaRanges: [] });
    settle(on);
    const handles = [1, 2].map(() => on.videocore.requestMemory(PAGE_SIZE, PAGE_SIZE, 'codec'));
    settle(on);
    const given = vpuLog(on).flatMap((line) => /^VC_MEM_REQUEST_REPLY .* addr (\w+)/.exec(line)?.[1] ?? []);
    const addresses = given.map((address) => Number.parseInt(address, 16) - 0xc0000000);
    expect(addresses.every((address) => address >= 0)).toBe(true);
    const shown = `0x${addresses[0]?.toString(16).padStart(16, '0')}`;
    const complaints = on.machine.system.log.lines.filter(({ level }) => level === 'warn').map(({ text }) => text);
    expect(complaints).toEqual([`vc_sm_cma_vpu_alloc: Expecting an uncached alias for dma_addr ${shown}`]);
    for (const handle of handles) on.videocore.heap.release(handle);
    settle(on);
    on.machine.shutdown();
  });

  test.each([
    ['R1', 1],
    ['R2', 0],
    ['R3', 0],
  ] as const)('the alias of a Pi 0 is for %s worth %d lines', (revision, lines) => {
    const on = bench({ revision, dmaRanges: [{ bus: 0x80000000, cpu: 0, size: 0x40000000 }] });
    const node = openNode(on);
    const source = heapBuffer(on);
    const { handle } = importFd(on, node, source);
    expect(errors(on)).toHaveLength(lines);
    for (const fd of [handle, source, node]) on.sys.close(fd);
    on.machine.shutdown();
  });

  test('a scattered buffer is ENOMEM and let go of', () => {
    const on = bench();
    const node = openNode(on);
    // A page between blocks.
    const between = heapBuffer(on, PAGE_SIZE, 'system');
    const source = heapBuffer(on, 17 * PAGE_SIZE, 'system');
    expect(codeOf(() => importFd(on, node, source))).toBe('ENOMEM');
    for (const fd of [source, between, node]) on.sys.close(fd);
    on.machine.shutdown();
  });

  test('refuses what is no buffer, and what the VPU refuses', () => {
    const on = bench();
    const node = openNode(on);
    expect(codeOf(() => importFd(on, node, -1))).toBe('EINVAL');
    expect(codeOf(() => importFd(on, node, 77))).toBe('EBADF');
    expect(codeOf(() => importFd(on, node, node))).toBe('EINVAL');
    on.videocore.script.refusesImports = true;
    const source = heapBuffer(on);
    expect(codeOf(() => importFd(on, node, source))).toBe('ENOMEM');
    expect(codeOf(() => alloc(on, node, 1))).toBe('ENOMEM');
    on.videocore.script.refusesImports = false;
    on.videocore.script.queueFailures = 1;
    expect(codeOf(() => importFd(on, node, source))).toBe('ENOMEM');
    expect(errors(on)).toContain('vc_sm_cma_vchi_videocore_io: failed to queue message (-1)');
    expect(listed(on)).toEqual([]);
    for (const fd of [source, node]) on.sys.close(fd);
    on.machine.shutdown();
  });

  test('requests: CLEAN_INVALID2 and unknown numbers are EINVAL, another magic is ENOTTY', () => {
    const on = bench();
    const node = openNode(on);
    expect(codeOf(() => on.sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2, { op_count: 0 }))).toBe('EINVAL');
    expect(codeOf(() => on.sys.ioctl(node, 0x80404a60, 0))).toBe('EINVAL');
    expect(codeOf(() => on.sys.ioctl(node, 0x8030495a, 0))).toBe('ENOTTY');
    expect(iocNr(VC_SM_CMA_IOCTL_MEM_ALLOC.number)).toBe(0x5a);
    on.sys.close(node);
    on.machine.shutdown();
  });

  test('a sync without a direction is EINVAL, one with is forwarded', () => {
    const on = bench();
    const node = openNode(on);
    const source = heapBuffer(on);
    const fds = [alloc(on, node, 1).handle, importFd(on, node, source).handle];
    for (const fd of fds) {
      expect(codeOf(() => on.sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: 4 }))).toBe('EINVAL');
      on.sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: 3 });
      on.sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags: 7 });
    }
    for (const fd of [...fds, source, node]) on.sys.close(fd);
    on.machine.shutdown();
  });

  test('the second dma-buf can be imported as well: a chain of two', () => {
    const on = bench();
    const node = openNode(on);
    const source = heapBuffer(on);
    const first = importFd(on, node, source);
    const second = importFd(on, node, first.handle);
    for (const fd of [source, first.handle]) on.sys.close(fd);
    settle(on);
    expect(listed(on)).toEqual([
      ['c0000021', 1],
      ['c0000020', 1],
    ]);
    on.sys.close(second.handle);
    settle(on);
    expect(listed(on)).toEqual([]);
    on.sys.close(node);
    on.machine.shutdown();
  });

  test('a full descriptor table is EMFILE, and the VPU lets go', () => {
    const on = bench();
    const node = openNode(on);
    const source = heapBuffer(on);
    on.machine.faults.add('fd:every=1:EMFILE');
    expect(codeOf(() => importFd(on, node, source))).toBe('EMFILE');
    expect(codeOf(() => alloc(on, node, 1))).toBe('EMFILE');
    on.machine.faults.clear();
    settle(on);
    expect(on.videocore.handles).toEqual([]);
    for (const fd of [source, node]) on.sys.close(fd);
    on.machine.shutdown();
  });

  test('debugfs shows what is shared, in its exact format', () => {
    const on = bench({}, [], raspberrypi3);
    const node = openNode(on);
    const source = heapBuffer(on);
    const { handle, dma_addr } = importFd(on, node, source);
    const pointer = '[0-9a-f]{16}';
    const lines = [
      '',
      `VC-ServiceHandle     ${pointer}`,
      '',
      'Resources',
      '',
      `Resource                ${pointer}`,
      '           NAME         sm-host-resource',
      '           SIZE         8192',
      `           DMABUF       ${pointer}`,
      `           ATTACH       ${pointer}`,
      `           SGT          ${pointer}`,
      `           DMA_ADDR     0x${dma_addr.toString(16).padStart(16, '0')}`,
      '           VC_HANDLE     c0000020',
      '           VC_MAPPING    1',
      '',
      '',
      'Total resource count:   1',
      '',
      '',
    ];
    expect(stateText(on)).toMatch(new RegExp(`^${lines.join('\n')}$`));
    for (const fd of [handle, source, node]) on.sys.close(fd);
    on.machine.shutdown();
  });

  test('an import of 100 MiB takes nothing of a gpu_mem of 16', () => {
    const on = bench({ gpuMem_MiB: 16 });
    const node = openNode(on);
    const source = heapBuffer(on, 100 * 2 ** 20);
    const { handle, size } = importFd(on, node, source);
    expect([size, on.videocore.heap.size, on.videocore.heap.usedBytes]).toEqual([100 * 2 ** 20, 16 * 2 ** 20, 0]);
    for (const fd of [handle, source, node]) on.sys.close(fd);
    on.machine.shutdown();
  });

  test('the prototype tells the VPU addresses where later ones count', () => {
    const on = bench({ revision: 'P0' });
    const node = openNode(on);
    const handles = [alloc(on, node, 1).handle, alloc(on, node, 1).handle];
    const ids = vpuLog(on).flatMap((line) => /kernel_id (\w+)/.exec(line)?.[1] ?? []);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^(?!000000)\w{6}00$/);
    for (const fd of [...handles, node]) on.sys.close(fd);
    settle(on);
    expect([listed(on), on.videocore.handles, errors(on)]).toEqual([[], [], []]);
    on.machine.shutdown();
  });

  test('revisions for upstream have no allocation, and most no node', () => {
    const on = bench({ revision: 'U-a' });
    const node = on.sys.open('/dev/vcsm-cma', O_RDWR);
    expect(codeOf(() => alloc(on, node, 1))).toBe('EINVAL');
    on.sys.close(node);
    on.machine.shutdown();
    for (const revision of ['U-b', 'U-c'] as const) {
      const without = bench({ revision });
      expect(codeOf(() => openNode(without))).toBe('ENOENT');
      without.machine.shutdown();
    }
  });
});
