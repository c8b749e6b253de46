/** linux/dma-buf.h. */
import { flagFormatter } from '../flags.ts';
import { flags, i32, struct, u32, u64 } from '../layout.ts';
import { IOW, IOWR, requests, takesString } from '../request.ts';

export const DMA_BUF_SYNC_READ = 1 << 0;
export const DMA_BUF_SYNC_WRITE = 2 << 0;
export const DMA_BUF_SYNC_RW = DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE;
export const DMA_BUF_SYNC_START = 0 << 2;
export const DMA_BUF_SYNC_END = 1 << 2;
export const DMA_BUF_SYNC_VALID_FLAGS_MASK = DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END;

/** Including the NUL. */
export const DMA_BUF_NAME_LEN = 32;

const accessNames = { DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW };
const formatSync = flagFormatter({
  fields: [
    [DMA_BUF_SYNC_END, { DMA_BUF_SYNC_START, DMA_BUF_SYNC_END }],
    [DMA_BUF_SYNC_RW, accessNames],
  ],
});
const formatAccess = flagFormatter({ fields: [[DMA_BUF_SYNC_RW, accessNames]] });

export const dma_buf_sync = struct('dma_buf_sync', { flags: flags(u64, formatSync) });
export const dma_buf_export_sync_file = struct('dma_buf_export_sync_file', { flags: flags(u32, formatAccess), fd: i32 });
export const dma_buf_import_sync_file = struct('dma_buf_import_sync_file', { flags: flags(u32, formatAccess), fd: i32 });

export const {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SET_NAME_A,
  DMA_BUF_SET_NAME_B,
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
} = requests({
  DMA_BUF_IOCTL_SYNC: IOW('b', 0, dma_buf_sync),
  DMA_BUF_SET_NAME_A: takesString(IOW('b', 1, u32)),
  DMA_BUF_SET_NAME_B: takesString(IOW('b', 1, u64)),
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE: IOWR('b', 2, dma_buf_export_sync_file),
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE: IOW('b', 3, dma_buf_import_sync_file),
});
/** The pointer-sized one: equal to DMA_BUF_SET_NAME_B for a 64-bit program. */
export const DMA_BUF_SET_NAME = DMA_BUF_SET_NAME_B;
