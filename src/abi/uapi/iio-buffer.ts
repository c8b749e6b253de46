/** linux/iio/buffer.h. */
import { flagFormatter } from '../flags.ts';
import { flags, i32, struct, u32, u64 } from '../layout.ts';
import { IOW, IOWR, requests } from '../request.ts';

/** The block is repeated until the buffer is disabled. Only for samples that go out. */
export const IIO_BUFFER_DMABUF_CYCLIC = 1 << 0;
export const IIO_BUFFER_DMABUF_SUPPORTED_FLAGS = 0x00000001;

const formatFlags = flagFormatter({ bits: { IIO_BUFFER_DMABUF_CYCLIC } });

/** `bytes_used` of the buffer, from its first byte. */
export const iio_dmabuf = struct('iio_dmabuf', { fd: u32, flags: flags(u32, formatFlags), bytes_used: u64 });

export const { IIO_BUFFER_GET_FD_IOCTL, IIO_BUFFER_DMABUF_ATTACH_IOCTL, IIO_BUFFER_DMABUF_DETACH_IOCTL, IIO_BUFFER_DMABUF_ENQUEUE_IOCTL } =
  requests({
    IIO_BUFFER_GET_FD_IOCTL: IOWR('i', 0x91, i32),
    IIO_BUFFER_DMABUF_ATTACH_IOCTL: IOW('i', 0x92, i32),
    IIO_BUFFER_DMABUF_DETACH_IOCTL: IOW('i', 0x93, i32),
    IIO_BUFFER_DMABUF_ENQUEUE_IOCTL: IOW('i', 0x94, iio_dmabuf),
  });
