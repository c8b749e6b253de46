/** linux/iio/events.h and the parts of linux/iio/types.h that are in its codes. */
import { bigi64, bigu64, i32, struct } from '../layout.ts';
import { IOR, requests } from '../request.ts';

/** `id` is a code of several fields, `timestamp` in nanoseconds. */
export const iio_event_data = struct('iio_event_data', { id: bigu64, timestamp: bigi64 });

export const { IIO_GET_EVENT_FD_IOCTL } = requests({ IIO_GET_EVENT_FD_IOCTL: IOR('i', 0x90, i32) });
