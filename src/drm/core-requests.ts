/** The requests that every card answers: drm_ioctls of drivers/gpu/drm/drm_ioctl.c. */
import { type AnyRequest, Errno, type ErrnoName } from '../abi/index.ts';
import * as uapi from '../abi/uapi/index.ts';
import { copyToUser, type Kernel, type Task } from '../kernel/index.ts';
import type { DrmFile } from './drm-file.ts';
import { dumbRequests } from './dumb.ts';
import { gemRequests } from './gem.ts';
import {
  DRM_AUTH,
  DRM_MASTER,
  DRM_RENDER_ALLOW,
  DRM_ROOT_ONLY,
  type DrmArgument,
  type DrmRequest,
  drmAnswer,
  drmRequest,
  tableOf,
} from './ioctl.ts';
import { masterRequests } from './master.ts';
import { primeRequests } from './prime.ts';

/** overflowuid: the user of a client is not told. */
const OVERFLOW_UID = 65534;

/** What a text of DRM_IOCTL_VERSION goes to. */
interface Room {
  readonly address: number;
  readonly length: number;
}

/** drm_copy_field: as much of a text as there is room for. @returns how long it is @throws Errno EFAULT */
function* copyText(task: Task, text: string, { address, length }: Room): Kernel<number> {
  const shown = text.slice(0, length);
  if (shown !== '' && address !== 0) yield* copyToUser(task.memory, address, new TextEncoder().encode(shown));
  return text.length;
}

interface Version {
  version_major: number;
  version_minor: number;
  version_patchlevel: number;
  name_len: number;
  name: number;
  date_len: number;
  date: number;
  desc_len: number;
  desc: number;
}

/** The length of a text goes back also when there was no room, and when it could not be copied. */
function* version(file: DrmFile, argument: DrmArgument<Version>, task: Task): Kernel<void> {
  const { driver } = file.device;
  const { name, name_len, date, date_len, desc, desc_len } = argument.value;
  argument.set({ version_major: driver.major, version_minor: driver.minor, version_patchlevel: driver.patchlevel });
  argument.set({ name_len: driver.name.length });
  yield* copyText(task, driver.name, { address: name, length: name_len });
  argument.set({ date_len: driver.date.length });
  yield* copyText(task, driver.date, { address: date, length: date_len });
  argument.set({ desc_len: driver.description.length });
  yield* copyText(task, driver.description, { address: desc, length: desc_len });
}

/** What a card without a display is asked for; the rest is about displays. */
const CAPABILITIES = new Map([
  [uapi.DRM_CAP_TIMESTAMP_MONOTONIC, 1],
  [uapi.DRM_CAP_PRIME, uapi.DRM_PRIME_CAP_IMPORT | uapi.DRM_PRIME_CAP_EXPORT],
  [uapi.DRM_CAP_SYNCOBJ, 0],
  [uapi.DRM_CAP_SYNCOBJ_TIMELINE, 0],
]);

const refusal = (code: ErrnoName, reason: string) => () => {
  throw new Errno(code, reason);
};

const noDisplay = refusal('EOPNOTSUPP', 'the card has no display');
const noSyncobjs = refusal('EOPNOTSUPP', 'the card has no synchronisation objects');

const all = (flags: number, answer: () => void, requests: readonly AnyRequest[]) =>
  requests.map((request) => drmAnswer(request, flags, answer));

const OLD_FLAGS = DRM_AUTH | DRM_MASTER | DRM_ROOT_ONLY;

export const coreRequests: readonly DrmRequest[] = [
  drmRequest(uapi.DRM_IOCTL_VERSION, DRM_RENDER_ALLOW, version),

  drmRequest(uapi.DRM_IOCTL_GET_CLIENT, 0, (file, argument, task) => {
    if (argument.value.idx !== 0) throw new Errno('EINVAL', 'a client is told of itself only');
    argument.set({ auth: Number(file.isAuthenticated), pid: task.pid, uid: OVERFLOW_UID, magic: 0, iocs: 0 });
  }),

  drmRequest(uapi.DRM_IOCTL_GET_CAP, DRM_RENDER_ALLOW, (_file, argument) => {
    const value = CAPABILITIES.get(argument.value.capability);
    argument.set({ value: value ?? 0 });
    if (value === undefined) noDisplay();
  }),

  ...masterRequests,
  ...gemRequests,
  ...primeRequests,
  ...dumbRequests,

  // Nothing is counted, and what was for drivers of old does nothing any more.
  drmAnswer(uapi.DRM_IOCTL_GET_STATS, 0, () => {}),
  drmAnswer(uapi.DRM_IOCTL_FINISH, DRM_AUTH, () => {}),
  drmAnswer(uapi.DRM_IOCTL_SET_UNIQUE, OLD_FLAGS, refusal('EINVAL', 'names are given by the kernel')),
  ...all(OLD_FLAGS, () => {}, [
    uapi.DRM_IOCTL_BLOCK,
    uapi.DRM_IOCTL_UNBLOCK,
    uapi.DRM_IOCTL_ADD_DRAW,
    uapi.DRM_IOCTL_RM_DRAW,
    uapi.DRM_IOCTL_UPDATE_DRAW,
  ]),
  ...all(DRM_MASTER, () => {}, [uapi.DRM_IOCTL_MODE_ATTACHMODE, uapi.DRM_IOCTL_MODE_DETACHMODE]),

  // Displays. That GETFB2 alone has another errno is so.
  drmAnswer(uapi.DRM_IOCTL_MODE_GETFB2, 0, refusal('EINVAL', 'the card has no display')),
  ...all(0, noDisplay, [
    uapi.DRM_IOCTL_SET_CLIENT_CAP,
    uapi.DRM_IOCTL_WAIT_VBLANK,
    uapi.DRM_IOCTL_CRTC_GET_SEQUENCE,
    uapi.DRM_IOCTL_CRTC_QUEUE_SEQUENCE,
    uapi.DRM_IOCTL_MODE_GETRESOURCES,
    uapi.DRM_IOCTL_MODE_GETCRTC,
    uapi.DRM_IOCTL_MODE_GETGAMMA,
    uapi.DRM_IOCTL_MODE_GETENCODER,
    uapi.DRM_IOCTL_MODE_GETCONNECTOR,
    uapi.DRM_IOCTL_MODE_GETPROPERTY,
    uapi.DRM_IOCTL_MODE_GETPROPBLOB,
    uapi.DRM_IOCTL_MODE_GETFB,
    uapi.DRM_IOCTL_MODE_ADDFB,
    uapi.DRM_IOCTL_MODE_RMFB,
    uapi.DRM_IOCTL_MODE_GETPLANERESOURCES,
    uapi.DRM_IOCTL_MODE_GETPLANE,
    uapi.DRM_IOCTL_MODE_ADDFB2,
    uapi.DRM_IOCTL_MODE_OBJ_GETPROPERTIES,
    uapi.DRM_IOCTL_MODE_CREATEPROPBLOB,
    uapi.DRM_IOCTL_MODE_DESTROYPROPBLOB,
    uapi.DRM_IOCTL_MODE_CLOSEFB,
  ]),
  ...all(DRM_MASTER, noDisplay, [
    uapi.DRM_IOCTL_MODE_SETCRTC,
    uapi.DRM_IOCTL_MODE_CURSOR,
    uapi.DRM_IOCTL_MODE_SETGAMMA,
    uapi.DRM_IOCTL_MODE_SETPROPERTY,
    uapi.DRM_IOCTL_MODE_PAGE_FLIP,
    uapi.DRM_IOCTL_MODE_DIRTYFB,
    uapi.DRM_IOCTL_MODE_SETPLANE,
    uapi.DRM_IOCTL_MODE_OBJ_SETPROPERTY,
    uapi.DRM_IOCTL_MODE_CURSOR2,
    uapi.DRM_IOCTL_MODE_ATOMIC,
    uapi.DRM_IOCTL_MODE_CREATE_LEASE,
    uapi.DRM_IOCTL_MODE_LIST_LESSEES,
    uapi.DRM_IOCTL_MODE_GET_LEASE,
    uapi.DRM_IOCTL_MODE_REVOKE_LEASE,
  ]),
  ...all(DRM_RENDER_ALLOW, noSyncobjs, [
    uapi.DRM_IOCTL_SYNCOBJ_CREATE,
    uapi.DRM_IOCTL_SYNCOBJ_DESTROY,
    uapi.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD,
    uapi.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE,
    uapi.DRM_IOCTL_SYNCOBJ_WAIT,
    uapi.DRM_IOCTL_SYNCOBJ_RESET,
    uapi.DRM_IOCTL_SYNCOBJ_SIGNAL,
    uapi.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT,
    uapi.DRM_IOCTL_SYNCOBJ_QUERY,
    uapi.DRM_IOCTL_SYNCOBJ_TRANSFER,
    uapi.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL,
    uapi.DRM_IOCTL_SYNCOBJ_EVENTFD,
  ]),
];

export const coreTable = tableOf(coreRequests);
