/** ioctopus/dma-test.h in native-shims/include, which is no header of Linux: a device that moves bytes into and out of a dma-buf. */
import { flagFormatter } from '../flags.ts';
import { array, flags, i32, struct, u8, u32, u64 } from '../layout.ts';
import { IO, IOW, IOWR, requests } from '../request.ts';

export const DMA_TEST_KEEP_MAPPING = 1 << 0;
export const DMA_TEST_BRACKET = 1 << 1;
export const DMA_TEST_SIGNAL_EARLY = 1 << 2;

const formatAttach = flagFormatter({ bits: { DMA_TEST_KEEP_MAPPING, DMA_TEST_BRACKET, DMA_TEST_SIGNAL_EARLY } });

export const dma_test_attach = struct('dma_test_attach', { fd: i32, flags: flags(u32, formatAttach) });
export const dma_test_transfer = struct('dma_test_transfer', { offset: u64, length: u64, byte: u32, sum: u32, data: array(u8, 64) });

export const { DMA_TEST_IOC_ATTACH, DMA_TEST_IOC_DETACH, DMA_TEST_IOC_WRITE, DMA_TEST_IOC_READ } = requests({
  DMA_TEST_IOC_ATTACH: IOW(0xda, 0, dma_test_attach),
  DMA_TEST_IOC_DETACH: IO(0xda, 1),
  DMA_TEST_IOC_WRITE: IOW(0xda, 2, dma_test_transfer),
  DMA_TEST_IOC_READ: IOWR(0xda, 3, dma_test_transfer),
});
