import { Errno } from '../../abi/index.ts';
import { PAGE_SIZE } from '../../abi/uapi/index.ts';
import { finish, type Kernel } from '../colour.ts';
import type { File } from '../file.ts';
import type { PortalStore, PortalStoreKind } from '../portal.ts';
import type { Task } from '../task.ts';

/**
 * What an instruction of the program stores to a page of a device, of which the processor asks whether it took it.
 *
 * @returns whether the device took it; false is for ENQCMD to be tried again
 * @throws Errno EFAULT where the program would get SIGSEGV
 */
export function* portalStore(task: Task, file: File, store: PortalStore): Kernel<boolean> {
  if (file.ops.portal === undefined) throw new Errno('EFAULT', `${file.path} is no door to a device`);
  return yield* finish(file.ops.portal(file, store, task));
}

/** The same by address, for tasks in process. @throws Errno EFAULT */
export function* storeAt(task: Task, address: number, kind: PortalStoreKind, bytes: Uint8Array): Kernel<boolean> {
  for (const { vma } of task.space?.pieces(address, address + bytes.length) ?? []) {
    if (vma?.isPortal === true) return yield* portalStore(task, vma.file, { kind, offset: (address - vma.address) % PAGE_SIZE, bytes });
  }
  throw new Errno('EFAULT', `no portal is mapped at 0x${address.toString(16)}`);
}
