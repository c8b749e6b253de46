/** Every use of every service of the kernel fails once while memory is shared: the program is told, and nothing stays behind on either side. */
import { expect, test } from 'vitest';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_RW,
  DMA_HEAP_IOCTL_ALLOC,
  O_CLOEXEC,
  O_RDWR,
  PAGE_SIZE,
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
} from '../../../src/abi/uapi/index.ts';
import { videoCoreOf } from '../../../src/boards/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import type { Design } from '../../../src/drivers/vc-sm-cma/index.ts';
import { type BootedMachine, raspberrypi4 } from '../../../src/index.ts';
import { sweep } from '../../support/sweep.ts';

const designs: readonly Design[] = [
  { handle: 'second-dma-buf', detaches: 'at-local-end' },
  { handle: 'second-dma-buf', detaches: 'at-released' },
  { handle: 'explicit', detaches: 'at-released' },
];

/** An import, and an allocation where the design has that. @returns what both sides show */
function share(sys: Sys<'sync'>, machine: BootedMachine, { handle: kind }: Design) {
  const { videocore, driver } = videoCoreOf(machine);
  const node = sys.open('/dev/vcsm-cma', O_RDWR);
  const heap = sys.open('/dev/dma_heap/linux,cma', O_RDWR);
  const { fd } = sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 2 * PAGE_SIZE, fd_flags: O_RDWR | O_CLOEXEC });
  const { handle, vc_handle, size } = sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, { dmabuf_fd: fd });
  const mappable = kind === 'explicit' ? fd : handle;
  const mapping = sys.mmap(mappable, { length: size });
  mapping.bytes[0] = 5;
  sys.ioctl(mappable, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW });
  const seen = [...videocore.read(vc_handle, 0, 1)];
  sys.munmap(mapping);
  if (kind === 'second-dma-buf') sys.close(sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, { size: 1 }).handle);
  for (const open of [handle, fd, heap, node]) sys.close(open);
  machine.system.scheduler.settle();
  return [...seen, vc_handle.toString(16), driver?.resources, videocore.handles];
}

test.each(designs)('$handle, detached $detaches', (design) => {
  const failures = sweep({
    name: 'memory shared with the VPU',
    board: () => raspberrypi4({ design }),
    run: (sys, machine) => share(sys, machine, design),
  });
  expect(failures.flatMap(({ problems }) => problems)).toEqual([]);
  expect(failures.length).toBeGreaterThan(20);
  expect(new Set(failures.map(({ service }) => service))).toEqual(
    new Set(['alloc', 'page', 'fd', 'file', 'copy_from_user', 'copy_to_user', 'wait', 'dma_map']),
  );
});
