/** devio.c: the file operations of /dev/bus/usb/BBB/DDD. */
import { Errno, type Request } from '../../../abi/index.ts';
import { PAGE_SIZE, POLLERR, POLLHUP, POLLOUT, POLLWRNORM, SEEK_CUR, SEEK_SET } from '../../../abi/uapi/index.ts';
import { type File, type FileOperations, FMODE_WRITE, ioctls, type Kernel, type System, type Task } from '../../../kernel/index.ts';
import { deviceBytes } from '../sysfs.ts';
import { usbCore } from '../usb-core.ts';
import type { UsbDevice } from '../usb-device.ts';
import { connectionInfo, reapRequests, requests } from './requests.ts';
import { UsbFile, usbfs } from './usb-file.ts';

const table = ioctls<UsbFile>(...requests);
const reaping = ioctls<UsbFile>(...reapRequests);
const reapNumbers = new Set(reapRequests.map(({ request }) => request.number));

/** USBDEVFS_CONNINFO_EX, whose size the program chooses. */
const CONNINFO_EX = 0x80005520;
const SIZE_MASK = 0x3fff0000;

/** usbdev_do_ioctl. The device's lock is held; a wait for a transfer lets go of it. */
function* ioctl(file: File<UsbFile>, request: number, argument: number, task: Task): Kernel<number> {
  const { device } = file.private;
  if ((file.mode & FMODE_WRITE) === 0) throw new Errno('EPERM', 'the file is not open for writing');
  // Waiting for an end is no use of the device.
  if (reapNumbers.has(request >>> 0)) return yield* reaping.ioctl(file, request, argument, task) as Kernel<number>;
  yield* device.lock.lock();
  try {
    if (!file.private.isConnected) throw new Errno('ENODEV', `${device.name} has gone`);
    if ((request & ~SIZE_MASK) >>> 0 === CONNINFO_EX)
      return yield* connectionInfo(file.private, argument, (request & SIZE_MASK) >> 16, task);
    const answer = table.ioctl(file, request, argument, task);
    return typeof answer === 'number' ? answer : yield* answer;
  } finally {
    device.lock.unlock();
  }
}

function nodeOperations(device: UsbDevice): FileOperations<UsbFile> {
  return {
    requests: [...reaping.requests, ...table.requests] as Request<any>[],
    /** @throws Errno ENODEV */
    open(file) {
      if (device.isGone) throw new Errno('ENODEV', `${device.name} has gone`);
      file.private = new UsbFile(device);
    },
    release: ({ private: file }) => file.close(),
    *read({ private: file }, to, at) {
      if (!file.isConnected) throw new Errno('ENODEV', `${device.name} has gone`);
      const count = yield* to.put(deviceBytes(device).subarray(at.position, at.position + to.remaining));
      at.position += count;
      return count;
    },
    /** no_seek_end_llseek. @throws Errno EINVAL */
    llseek(file, offset, whence) {
      const position = whence === SEEK_SET ? offset : whence === SEEK_CUR ? file.position + offset : -1;
      if (position < 0) throw new Errno('EINVAL', 'it is no position');
      file.position = position;
      return position;
    },
    ioctl,
    poll({ private: file, mode }, poll) {
      poll.wait(file.wait);
      const canReap = (mode & FMODE_WRITE) !== 0 && file.completed.length > 0;
      return (canReap ? POLLOUT | POLLWRNORM : 0) | (file.isConnected ? 0 : POLLHUP) | (file.isGone ? POLLERR : 0);
    },
    /** usbdev_mmap: memory for transfers, which need no copy then. @throws Errno ENOMEM */
    mmap({ private: file }, vma) {
      const length = Math.ceil(vma.length / PAGE_SIZE) * PAGE_SIZE;
      file.usbfs.take(length);
      const memory = device.hcd.system.memory.allocate(length, `transfers of ${device.name}`);
      vma.backing = [{ memory, offset: 0, length: vma.length }];
      file.areas.push({ vma, memory });
    },
  };
}

/** Gives each device a node of its own from now on: usb_devio_init. */
export function addUsbfs(system: System): void {
  usbfs(system);
  usbCore(system).nodeOperations = nodeOperations;
}
