/** CONFIG_DMABUF_SYSFS_STATS (drivers/dma-buf/dma-buf-sysfs-stats.c): a folder in sysfs for each buffer. */
import type { SysfsDirectory, System } from '../kernel/index.ts';
import type { DmaBuf } from './dma-buf.ts';

/** What there is of it in a machine; Debian's kernel, for one, is built without. */
const make = (_system: System): { buffers: SysfsDirectory | undefined } => ({ buffers: undefined });

/** Builds the kernel with it: /sys/kernel/dmabuf/buffers/INO has `exporter_name` and `size`, in bytes. For boards, before the first buffer. */
export function enableSysfsStatistics(system: System): void {
  const state = system.single(make);
  state.buffers ??= system.deviceModel.kernel.createDirectory('dmabuf').createDirectory('buffers');
}

const nameOf = (dmabuf: DmaBuf<any>) => String(dmabuf.file.inode.ino);

/** dma_buf_stats_setup. */
export function addStatistics(dmabuf: DmaBuf<any>): void {
  const folder = dmabuf.system.single(make).buffers?.createDirectory(nameOf(dmabuf));
  folder?.createFile({ name: 'exporter_name', mode: 0o444, show: () => `${dmabuf.exporterName}\n` });
  folder?.createFile({ name: 'size', mode: 0o444, show: () => `${dmabuf.size}\n` });
}

/** dma_buf_stats_teardown. */
export function removeStatistics(dmabuf: DmaBuf<any>): void {
  dmabuf.system.single(make).buffers?.remove(nameOf(dmabuf));
}
