/** drivers/gpu/drm/drm_auth.c: the one client that decides what a card shows, and whom it lets in. */
import { Errno } from '../abi/index.ts';
import {
  DRM_IOCTL_AUTH_MAGIC,
  DRM_IOCTL_DROP_MASTER,
  DRM_IOCTL_GET_MAGIC,
  DRM_IOCTL_GET_UNIQUE,
  DRM_IOCTL_SET_MASTER,
  DRM_IOCTL_SET_VERSION,
} from '../abi/uapi/index.ts';
import { copyToUser, Idr, isCapable, type Kernel, type Task } from '../kernel/index.ts';
import type { DrmFile } from './drm-file.ts';
import { DRM_MASTER, type DrmArgument, type DrmRequest, drmRequest } from './ioctl.ts';

/** DRM_IF_MAJOR and DRM_IF_MINOR of drm_internal.h. */
const IF_MAJOR = 1;
const IF_MINOR = 4;

/** Who was master together with the clients that opened the card meanwhile, as `struct drm_master`. */
export class DrmMaster {
  /** Set by DRM_IOCTL_SET_VERSION. */
  unique = '';
  readonly magics = new Idr<DrmFile>();
}

/** drm_master_open: whoever opens a card without a master becomes it. */
export function openMaster(file: DrmFile): void {
  const { master } = file.device;
  if (master === undefined) becomeNewMaster(file);
  else file.master = master;
}

/** drm_new_set_master. */
function becomeNewMaster(file: DrmFile): void {
  file.master = new DrmMaster();
  file.isMaster = true;
  file.isAuthenticated = true;
  becomeMaster(file);
}

function becomeMaster(file: DrmFile): void {
  file.device.master = file.master;
  file.wasMaster = true;
}

/** drm_master_release. */
export function releaseMaster(file: DrmFile): void {
  if (file.magic !== 0) file.master?.magics.remove(file.magic);
  if (file.isCurrentMaster) file.device.master = undefined;
}

/** drm_master_check_perm. @throws Errno EACCES */
function checkMayChange(file: DrmFile, task: Task): void {
  if (file.wasMaster && file.tgid === task.tgid) return;
  if (!isCapable(task.credentials)) throw new Errno('EACCES', 'neither root nor the process that was master');
}

function setMaster(file: DrmFile, _argument: unknown, task: Task): void {
  checkMayChange(file, task);
  if (file.isCurrentMaster) return;
  if (file.device.master !== undefined) throw new Errno('EBUSY', 'another client is master');
  if (file.isMaster) becomeMaster(file);
  else becomeNewMaster(file);
}

function dropMaster(file: DrmFile, _argument: unknown, task: Task): void {
  checkMayChange(file, task);
  if (!file.isCurrentMaster) throw new Errno('EINVAL', 'the client is not master');
  file.device.master = undefined;
}

const masterOf = (file: DrmFile) => file.master as DrmMaster;

function* getUnique(file: DrmFile, argument: DrmArgument<{ unique_len: number; unique: number }>, task: Task): Kernel<void> {
  const { unique } = masterOf(file);
  if (argument.value.unique_len >= unique.length && unique !== '') {
    yield* copyToUser(task.memory, argument.value.unique, new TextEncoder().encode(unique));
  }
  argument.set({ unique_len: unique.length });
}

interface Versions {
  drm_di_major: number;
  drm_di_minor: number;
  drm_dd_major: number;
  drm_dd_minor: number;
}

/** A major version of -1 asks for nothing. What there is goes back in any case. */
function setVersion(file: DrmFile, argument: DrmArgument<Versions>): void {
  const { driver, unique } = file.device;
  const { major, minor } = driver;
  const asked = argument.value;
  argument.set({ drm_di_major: IF_MAJOR, drm_di_minor: IF_MINOR, drm_dd_major: major, drm_dd_minor: minor });
  if (asked.drm_di_major !== -1) {
    if (asked.drm_di_major !== IF_MAJOR || asked.drm_di_minor < 0 || asked.drm_di_minor > IF_MINOR) {
      throw new Errno('EINVAL', `interface ${asked.drm_di_major}.${asked.drm_di_minor} is not ${IF_MAJOR}.0 to ${IF_MAJOR}.${IF_MINOR}`);
    }
    // Since 1.1 the name of the device can be asked.
    if (asked.drm_di_minor >= 1) masterOf(file).unique = unique;
  }
  if (asked.drm_dd_major === -1) return;
  if (asked.drm_dd_major !== major || asked.drm_dd_minor < 0 || asked.drm_dd_minor > minor) {
    throw new Errno('EINVAL', `the driver's version is ${major}.${minor}`);
  }
}

function getMagic(file: DrmFile, argument: DrmArgument<{ magic: number }>): void {
  if (file.magic === 0) file.magic = masterOf(file).magics.allocate(file);
  argument.set({ magic: file.magic });
}

/** The magic number of a client is good for one authentication. */
function authenticate(file: DrmFile, argument: DrmArgument<{ magic: number }>): void {
  const client = masterOf(file).magics.clear(argument.value.magic);
  if (client === undefined) throw new Errno('EINVAL', `nobody has the magic number ${argument.value.magic}`);
  client.isAuthenticated = true;
}

export const masterRequests: readonly DrmRequest[] = [
  drmRequest(DRM_IOCTL_GET_UNIQUE, 0, getUnique),
  drmRequest(DRM_IOCTL_GET_MAGIC, 0, getMagic),
  drmRequest(DRM_IOCTL_SET_VERSION, DRM_MASTER, setVersion),
  drmRequest(DRM_IOCTL_AUTH_MAGIC, DRM_MASTER, authenticate),
  drmRequest(DRM_IOCTL_SET_MASTER, 0, setMaster),
  drmRequest(DRM_IOCTL_DROP_MASTER, 0, dropMaster),
];
