/** Defects in what is done with other exporters' buffers, with memory and ids. Any finding that does not belong to one fails. */
import { expect, test } from 'vitest';
import {
  DMA_BUF_IOCTL_SYNC,
  O_RDWR,
  PAGE_SIZE,
  VC_SM_CACHE_OP_FLUSH,
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
  vc_sm_cma_ioctl_clean_invalid_block,
} from '../../../src/abi/uapi/index.ts';
import { DmaBuf, type DmaBufOps, dmaBufFd } from '../../../src/dma-buf/index.ts';
import { ZeroCopyPort } from '../../../src/drivers/vc-sm-cma/index.ts';
import { MmalComponent } from '../../../src/hardware/videocore/index.ts';
import type { PageRange } from '../../../src/kernel/index.ts';
import { DmaDevice } from '../../../src/memory/index.ts';
import { bufferAt, mainTask, run } from '../../dma-buf/fixture.ts';
import { testDefects, withNode, withSource } from './defect-case.ts';
import { alloc, type Bench, bench, codeOf, debugLines, errors, heapBuffer, importFd, openNode, settle, vpuLog } from './fixture.ts';

/** A page of the CMA area behind an exporter with as few operations as there can be. @returns its descriptor */
function leastSource(on: Bench, ops: Partial<DmaBufOps<readonly PageRange[]>> = {}): number {
  const { system, ram } = on.machine;
  const region = ram.region('linux,cma');
  const address = region.allocate(PAGE_SIZE, PAGE_SIZE);
  const memory = system.memory.allocate(PAGE_SIZE, 'a page');
  region.back(address, memory, 0);
  const dmabuf = new DmaBuf<readonly PageRange[]>(system, {
    exporterName: 'least',
    ops: {
      mapDmaBuf: ({ dmabuf: { private: pages }, device }, direction) => device.mapSg(pages, direction),
      unmapDmaBuf: ({ device }, mapping, direction) => device.unmapSg(mapping, direction),
      release: () => {
        region.free(address);
        memory.put();
      },
      ...ops,
    },
    size: PAGE_SIZE,
    flags: O_RDWR,
    private: [{ memory, offset: 0, length: PAGE_SIZE, address }],
  });
  return run(on.machine, dmaBufFd(dmabuf, true, mainTask(on.machine)));
}

/** What becomes of a use of the second dma-buf of such a source. */
function useOfLeast(on: Bench, use: (handle: number) => unknown, ops: Parameters<typeof leastSource>[1] = {}): string {
  return withNode(on, (node) => {
    const source = leastSource(on, ops);
    const { handle } = importFd(on, node, source);
    const code = codeOf(() => use(handle));
    for (const fd of [handle, source]) on.sys.close(fd);
    return code;
  });
}

/** Another device attaches, reads the first byte, and detaches. */
function attachOther(on: Bench, handle: number): number | undefined {
  const device = new DmaDevice(on.machine.system, { name: 'display', maxSegmentSize: 2 ** 30 });
  const second = bufferAt(on.machine, handle);
  const attachment = run(on.machine, second.attach(device));
  const table = run(on.machine, attachment.mapUnlocked('bidirectional'));
  const [byte] = device.read(table.segments[0]?.busAddress as number, 1);
  run(on.machine, attachment.unmapUnlocked(table, 'bidirectional'));
  run(on.machine, second.detach(attachment));
  return byte;
}

const hooks = { attach: () => {}, detach: () => {} };

/** Room of the program's for blocks of CLEAN_INVALID2. @returns its address */
function blocks(on: Bench, op_count: number, ...list: { invalidate_mode: number; start_address: bigint; block_size: number }[]): number {
  const { space } = mainTask(on.machine);
  if (space === undefined) throw new Error('it is in process');
  const address = space.allocate(PAGE_SIZE);
  const view = new DataView(space.bytes(address, PAGE_SIZE).buffer);
  view.setUint32(0, op_count, true);
  for (const [at, block] of list.entries())
    vc_sm_cma_ioctl_clean_invalid_block.encode(view, 8 + at * vc_sm_cma_ioctl_clean_invalid_block.size, { block_count: 1, ...block });
  return address;
}

const cleanInvalid = (on: Bench, address: number) =>
  withNode(on, (node) => codeOf(() => on.sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2.number, address)));

const withCaches = { revision: 'R2', cacheRequests: true } as const;

testDefects([
  {
    id: 'Q20',
    what: 'mmap',
    run: (on) => useOfLeast(on, (handle) => on.sys.mmap(handle, { length: PAGE_SIZE })),
    broken: 'killed by signal 9',
    mended: 'EINVAL',
    findings: ['kernel-oops'],
  },
  {
    id: 'Q20',
    what: 'begin_cpu_access',
    run: (on) => useOfLeast(on, (handle) => on.sys.ioctl(handle, DMA_BUF_IOCTL_SYNC, { flags: 3 })),
    broken: 'killed by signal 9',
    mended: 'none',
    findings: ['kernel-oops'],
  },
  {
    id: 'Q20',
    what: 'end_cpu_access',
    run: (on) => useOfLeast(on, (handle) => on.sys.ioctl(handle, DMA_BUF_IOCTL_SYNC, { flags: 7 })),
    broken: 'killed by signal 9',
    mended: 'none',
    findings: ['kernel-oops'],
  },
  {
    id: 'Q20',
    what: 'attach',
    run: (on) => useOfLeast(on, (handle) => attachOther(on, handle)),
    broken: 'killed by signal 9',
    mended: 'none',
    findings: ['kernel-oops'],
  },
  {
    id: 'Q21',
    what: 'with an exporter that looks at the buffer of an attachment',
    run: (on) => useOfLeast(on, (handle) => attachOther(on, handle), hooks),
    broken: 'killed by signal 9',
    mended: 'none',
    findings: ['kernel-oops', 'dma-buf-released-attached'],
    leaks: true,
  },
  {
    id: 'Q21',
    what: 'with a heap, which does not',
    run: (on) =>
      withSource(on, (node, source) => {
        const { handle, vc_handle } = importFd(on, node, source);
        on.videocore.write(vc_handle, 0, Uint8Array.of(7));
        on.sys.ioctl(handle, DMA_BUF_IOCTL_SYNC, { flags: 1 });
        const byte = attachOther(on, handle);
        on.sys.close(handle);
        return byte;
      }),
    broken: 7,
    mended: 7,
  },
  {
    id: 'Q23',
    what: 'with more blocks than 32 bits count the bytes of',
    options: withCaches,
    // 24 bytes for each, together 2^32 + 8.
    run: (on) => cleanInvalid(on, blocks(on, 0x0aaaaaab)),
    broken: 'none',
    mended: 'EFAULT',
    findings: ['vcsm-out-of-bounds'],
  },
  {
    id: 'Q23',
    what: 'where nothing is mapped',
    options: withCaches,
    run: (on) => cleanInvalid(on, blocks(on, 1, { invalidate_mode: VC_SM_CACHE_OP_FLUSH, start_address: 0x1000n, block_size: 64 })),
    broken: 'killed by signal 9',
    mended: 'EFAULT',
    findings: ['kernel-oops'],
  },
  ...(['R1', 'R2'] as const).map((revision) => ({
    id: 'Q24' as const,
    what: `in ${revision}`,
    options: { revision },
    run: (on: Bench) =>
      withSource(on, (node, source) => {
        on.sys.close(importFd(on, node, source).handle);
        on.sys.close(alloc(on, node, 1).handle);
        settle(on);
        const line = /^\[vc_sm_release_resource\]: buffer [0-9a-f]{16} \(name sm-host-resource, size (\d+)\), imported (\d+)$/;
        return [...new Set(debugLines(on).flatMap((text) => line.exec(text)?.slice(1).join(': ') ?? []))];
      }),
    broken: ['8192: 4294967295', '4096: 0'],
    mended: ['8192: 1', '4096: 0'],
  })),
  ...(['R2', 'U-a', 'U-c'] as const).map((revision) => ({
    id: 'Q25' as const,
    what: `in ${revision}`,
    options: { revision },
    run: (on: Bench) => {
      const fd = heapBuffer(on);
      const driver = on.driver as NonNullable<typeof on.driver>;
      driver.free(run(on.machine, driver.importDmaBuf(bufferAt(on.machine, fd))));
      settle(on);
      on.sys.close(fd);
      return driver.resources;
    },
    broken: 0,
    mended: 0,
    findings: ['dma-buf-not-attached', 'dma-buf-released-attached'],
    leaks: true as const,
  })),
  {
    id: 'Q30',
    options: { script: { releasesAtOnce: true } },
    run: (on) => {
      const { driver, videocore, machine } = on;
      const component = new MmalComponent({ system: machine.system, videocore, fill: Uint8Array.of(1), work_ns: 1000 });
      const port = new ZeroCopyPort(machine.system, driver as NonNullable<typeof driver>, component);
      const fd = heapBuffer(on);
      const frame = port.frame(bufferAt(machine, fd));
      on.sys.close(fd);
      const code = codeOf(() => run(machine, port.submit(frame)));
      port.cleanUp(frame);
      return [code, port.pending];
    },
    broken: ['none', 0],
    mended: ['ENOMEM', 0],
  },
  ...(['R3', 'U-c'] as const).map((revision) => ({
    id: 'Q31' as const,
    what: `in ${revision}`,
    options: { revision },
    run: (on: Bench) => {
      const fd = heapBuffer(on);
      on.machine.faults.add('alloc:what=radix_tree_node:nth=1');
      const code = codeOf(() => on.driver?.free(run(on.machine, on.driver.importDmaBuf(bufferAt(on.machine, fd)))));
      on.sys.close(fd);
      settle(on);
      return [code, ...errors(on)];
    },
    broken: ['none', 'vc_sm_vpu_event: VC released a buffer that is already released, kernel_id -12'],
    mended: ['ENOMEM', 'vc_sm_cma_import_dmabuf: imported vc_sm_cma_get_buffer failed -12'],
    findings: ['vcsm-buffer-left'],
    leaks: true as const,
  })),
]);

test('what an import or an allocation says of numbers, caches and padding counts for nothing (Q18), and the name of an import neither', () => {
  const on = bench();
  const node = openNode(on);
  const source = heapBuffer(on);
  const name = [...Buffer.from('x'.repeat(32))];
  const given = { size: 1, num: 99, cached: 3, pad: 0xdeadbeef, name };
  const allocated = on.sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, given);
  expect(allocated).toMatchObject({ num: 99, cached: 3, pad: 0xdeadbeef, name });
  const imported = on.sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, { dmabuf_fd: source, cached: 2, pad: 7, name });
  expect(imported).toMatchObject({ cached: 2, pad: 7, name });
  expect(vpuLog(on).flatMap((line) => /'(.*)'/.exec(line)?.[1] ?? [])).toEqual(['x'.repeat(31), 'sm-host-resource']);
  for (const fd of [allocated.handle, imported.handle, source, node]) on.sys.close(fd);
  on.machine.shutdown();
});
