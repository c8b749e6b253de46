/** linux/remoteproc_cdev.h. */
import { i32 } from '../layout.ts';
import { IOR, IOW, requests } from '../request.ts';

export const { RPROC_SET_SHUTDOWN_ON_RELEASE, RPROC_GET_SHUTDOWN_ON_RELEASE } = requests({
  RPROC_SET_SHUTDOWN_ON_RELEASE: IOW(0xb7, 1, i32),
  RPROC_GET_SHUTDOWN_ON_RELEASE: IOR(0xb7, 2, i32),
});
