/** drivers/gpu/drm/drm_file.c, and the mmap of drm_gem.c. */
import { Errno } from '../abi/index.ts';
import { O_EXCL, PAGE_SIZE } from '../abi/uapi/index.ts';
import { type FileOperations, waitOrAgain } from '../kernel/index.ts';
import { coreTable } from './core-requests.ts';
import type { DrmDevice } from './drm-device.ts';
import { DrmFile, type DrmNode } from './drm-file.ts';
import { deleteHandles } from './gem.ts';
import { drmIoctl } from './ioctl.ts';
import { openMaster, releaseMaster } from './master.ts';

/** What opens one of the nodes of a card. */
export function fileOperations(device: DrmDevice, node: DrmNode): FileOperations<DrmFile> {
  return {
    unsignedOffsets: true,

    open(file, task) {
      if ((file.flags & O_EXCL) !== 0) throw new Errno('EBUSY', 'a card is never opened by one alone');
      file.private = new DrmFile(device, node, task, device.open());
      if (node === 'primary') openMaster(file.private);
    },

    release(file) {
      deleteHandles(file.private);
      if (node === 'primary') releaseMaster(file.private);
      device.close(file.private);
    },

    /** Events come from displays. */
    *read(file) {
      yield* waitOrAgain(file, file.private.events, () => false);
      return 0;
    },

    llseek: (file) => file.position,

    ioctl: (file, request, address, task) => drmIoctl(coreTable, file, request, address, task),
    requests: device.knownRequests,

    poll(file, table) {
      table.wait(file.private.events);
      return 0;
    },

    mmap(file, vma) {
      const object = device.offsets.find(vma.offset / PAGE_SIZE, vma.length / PAGE_SIZE)?.object;
      if (object === undefined) throw new Errno('EINVAL', `no object of that length is at offset ${vma.offset}`);
      if (!object.isKnownTo(file.private)) throw new Errno('EACCES', 'the client has no handle of the object');
      return object.mmap(vma);
    },
  };
}
