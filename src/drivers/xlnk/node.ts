import { Errno } from '../../abi/index.ts';
import {
  X_LINK_COMMUNICATION_NOT_OPEN,
  X_LINK_ERROR,
  X_LINK_SUCCESS,
  XL_BOOT_DEVICE,
  XL_CLOSE_CHANNEL,
  XL_CONNECT,
  XL_DATA_CONSUMED_CALLBACK,
  XL_DATA_READY_CALLBACK,
  XL_DISCONNECT,
  XL_GET_DEVICE_LIST,
  XL_GET_DEVICE_MODE,
  XL_GET_DEVICE_NAME,
  XL_GET_DEVICE_STATUS,
  XL_OPEN_CHANNEL,
  XL_READ_DATA,
  XL_READ_TO_BUFFER,
  XL_REGISTER_DEV_EVENT,
  XL_RELEASE_DATA,
  XL_RESET_DEVICE,
  XL_RESET_VPU,
  XL_SET_DEVICE_MODE,
  XL_START_VPU,
  XL_STOP_VPU,
  XL_UNREGISTER_DEV_EVENT,
  XL_WRITE_CONTROL_DATA,
  XL_WRITE_DATA,
  XL_WRITE_VOLATILE,
  xlink_handle,
} from '../../abi/uapi/index.ts';
import {
  copyFromUser,
  copyStructFromUser,
  copyStructToUser,
  copyToUser,
  type File,
  type FileOperations,
  ioctls,
  type Kernel,
  on,
  type Task,
} from '../../kernel/index.ts';
import { type IpcMessage, KMB_IPC_MAX_CHANNELS } from '../../ports/keembay/index.ts';
import { copyInNumber, copyInNumbers, copyInText, copyOutNumber, copyOutNumbers } from './copies.ts';
import type { Link, XlinkHandle } from './multiplexer.ts';
import { XLINK_MAX_BUF_SIZE } from './payload-ring.ts';
import type { XlinkCore } from './xlink-core.ts';

/** XLINK_MAX_DATA_SIZE; XLINK_MAX_CONTROL_DATA_SIZE, and the same where PCIe could take it. */
const DATA_MAX = 1024 ** 3;
const CONTROL_MAX = 100;
const CONTROL_PCIE_MAX = 484;
/** Of file names, in bytes. */
const NAME_MAX = 64;

/** Channels that were opened by a file, with the link that they are of. */
interface Session {
  readonly opened: Map<number, Link>;
}

type SessionFile = File<Session>;

/** Where the program wants the result. */
interface Answerable {
  readonly return_code: number;
}

/** Tells the result; one that is not success is EIO, too. @throws Errno EFAULT, EIO */
function* tell(task: Task, { return_code }: Answerable, result: number): Kernel<number> {
  yield* copyOutNumber(task, return_code, result);
  return settled(result);
}

function settled(result: number): number {
  if (result !== X_LINK_SUCCESS) throw new Errno('EIO', `xlink's result is ${result}`);
  return 0;
}

const handleAt = (task: Task, { handle }: { readonly handle: number }): Kernel<XlinkHandle> =>
  copyStructFromUser(task.memory, xlink_handle, handle);

/** The requests of /dev/xlnk: section 16 of docs/reference/keembay-ipc.md. */
function requestsOf(core: XlinkCore) {
  const { channels, events } = core;
  const withLink = function* (handle: XlinkHandle, work: (link: Link) => Kernel<number> | number): Kernel<number> {
    const link = core.linkTo(handle);
    if (link === undefined) return X_LINK_ERROR;
    const result = work(link);
    return typeof result === 'number' ? result : yield* result;
  };
  /** On this interface nobody calls back: the request is unknown to it. */
  const callback = function* (_file: SessionFile, argument: { readonly handle: number } & Answerable, task: Task) {
    yield* handleAt(task, argument);
    return yield* tell(task, argument, X_LINK_ERROR);
  };
  const stop = () => settled(core.reset({ sw_device_id: 0, dev_type: 0 }));

  return ioctls<Session>(
    on(XL_CONNECT, function* (_file: SessionFile, argument, task) {
      const { result, handle } = core.connect(yield* handleAt(task, argument));
      if (result === X_LINK_SUCCESS) yield* copyStructToUser(task.memory, xlink_handle, argument.handle, handle);
      return yield* tell(task, argument, result);
    }),
    on(XL_DISCONNECT, function* (_file: SessionFile, argument, task) {
      return yield* tell(task, argument, yield* core.disconnect(yield* handleAt(task, argument)));
    }),
    on(XL_OPEN_CHANNEL, function* (file: SessionFile, argument, task) {
      const { chan, mode, timeout } = argument;
      const result = yield* withLink(yield* handleAt(task, argument), (link) => {
        const opened = channels.open(link, chan, mode, timeout);
        if (opened !== X_LINK_SUCCESS) return opened;
        // A channel that was lost with its link is still the file's, which may not have it twice.
        if (file.private.opened.has(chan)) return X_LINK_ERROR;
        file.private.opened.set(chan, link);
        return X_LINK_SUCCESS;
      });
      return yield* tell(task, argument, result);
    }),
    on(XL_CLOSE_CHANNEL, function* (file: SessionFile, argument, task) {
      const { chan } = argument;
      const link = core.linkTo(yield* handleAt(task, argument));
      if (link === undefined || file.private.opened.get(chan) !== link) return yield* tell(task, argument, X_LINK_COMMUNICATION_NOT_OPEN);
      const result = yield* channels.close(link, chan);
      if (result === X_LINK_SUCCESS) file.private.opened.delete(chan);
      return yield* tell(task, argument, result);
    }),
    on(XL_WRITE_DATA, function* (_file: SessionFile, argument, task) {
      const { chan, pmessage, size } = argument;
      const handle = yield* handleAt(task, argument);
      if (size > DATA_MAX) throw new Errno('EFAULT', `${size} bytes are too many`);
      const result = yield* withLink(handle, function* (link) {
        const address = yield* copyInNumber(task, pmessage);
        return address === undefined ? X_LINK_ERROR : yield* channels.write(link, chan, address, size);
      });
      return yield* tell(task, argument, result);
    }),
    on(XL_WRITE_VOLATILE, function* (_file: SessionFile, argument, task) {
      const { chan, pmessage, size } = argument;
      const handle = yield* handleAt(task, argument);
      if (size > XLINK_MAX_BUF_SIZE) throw new Errno('EFAULT', `${size} bytes are too many`);
      const message = yield* copyFromUser(task.memory, pmessage, size);
      return yield* tell(task, argument, yield* withLink(handle, (link) => channels.writeVolatile(link, chan, message)));
    }),
    on(XL_WRITE_CONTROL_DATA, function* (_file: SessionFile, argument, task) {
      const { chan, pmessage, size } = argument;
      const handle = yield* handleAt(task, argument);
      if (size > CONTROL_PCIE_MAX) {
        yield* copyOutNumber(task, argument.return_code, X_LINK_ERROR);
        return X_LINK_ERROR;
      }
      const message = yield* copyFromUser(task.memory, pmessage, size);
      if (chan < KMB_IPC_MAX_CHANNELS && size > CONTROL_MAX) return yield* tell(task, argument, X_LINK_ERROR);
      return yield* tell(task, argument, yield* withLink(handle, (link) => channels.writeVolatile(link, chan, message)));
    }),
    on(XL_READ_DATA, function* (_file: SessionFile, argument, task) {
      const into: { message?: IpcMessage } = {};
      const result = yield* withLink(yield* handleAt(task, argument), (link) => channels.read(link, argument.chan, into));
      if (into.message !== undefined) {
        yield* copyOutNumber(task, argument.pmessage, into.message.vpuAddr);
        yield* copyOutNumber(task, argument.size, into.message.size);
      }
      return yield* tell(task, argument, result);
    }),
    on(XL_READ_TO_BUFFER, function* (_file: SessionFile, argument, task) {
      const into: { message?: Uint8Array } = {};
      const result = yield* withLink(yield* handleAt(task, argument), (link) => channels.readToBuffer(link, argument.chan, into));
      if (into.message !== undefined) {
        yield* copyToUser(task.memory, argument.pmessage, into.message);
        yield* copyOutNumber(task, argument.size, into.message.length);
      }
      return yield* tell(task, argument, result);
    }),
    on(XL_RELEASE_DATA, function* (_file: SessionFile, argument, task) {
      const handle = yield* handleAt(task, argument);
      if (argument.addr !== 0) yield* copyFromUser(task.memory, argument.addr, 4);
      const result = yield* withLink(handle, (link) => (channels.isFor(link, argument.chan) ? X_LINK_SUCCESS : X_LINK_ERROR));
      return yield* tell(task, argument, result);
    }),
    on(XL_DATA_READY_CALLBACK, callback),
    on(XL_DATA_CONSUMED_CALLBACK, callback),
    on(XL_START_VPU, function* (_file: SessionFile, argument, task) {
      if (argument.namesize < 0 || argument.namesize > NAME_MAX) throw new Errno('EINVAL', `a name has no ${argument.namesize} bytes`);
      const name = yield* copyInText(task, argument.filename, argument.namesize);
      return yield* tell(task, argument, yield* core.boot({ sw_device_id: 0, dev_type: 0 }, name));
    }),
    on(XL_STOP_VPU, stop),
    on(XL_RESET_VPU, stop),
    on(XL_BOOT_DEVICE, function* (_file: SessionFile, argument, task) {
      const handle = yield* handleAt(task, argument);
      if (argument.binary_name_size > NAME_MAX) throw new Errno('EINVAL', `a name has no ${argument.binary_name_size} bytes`);
      const name = yield* copyInText(task, argument.binary_name, argument.binary_name_size);
      return yield* tell(task, argument, yield* core.boot(handle, name));
    }),
    on(XL_RESET_DEVICE, function* (_file: SessionFile, argument, task) {
      return yield* tell(task, argument, core.reset(yield* handleAt(task, argument)));
    }),
    on(XL_GET_DEVICE_NAME, function* (_file: SessionFile, argument, task) {
      const into: { name?: Uint8Array } = {};
      const result = core.nameOf(yield* handleAt(task, argument), argument.name_size, into);
      if (into.name !== undefined) yield* copyToUser(task.memory, argument.name, into.name);
      return yield* tell(task, argument, result);
    }),
    on(XL_GET_DEVICE_LIST, function* (_file: SessionFile, argument, task) {
      yield* copyOutNumbers(task, argument.sw_device_id_list, core.devices);
      yield* copyOutNumber(task, argument.num_devices, core.devices.length);
      return yield* tell(task, argument, X_LINK_SUCCESS);
    }),
    on(XL_GET_DEVICE_STATUS, function* (_file: SessionFile, argument, task) {
      const into: { status?: number } = {};
      const result = core.statusOf(yield* handleAt(task, argument), into);
      if (into.status !== undefined) yield* copyOutNumber(task, argument.device_status, into.status);
      return yield* tell(task, argument, result);
    }),
    on(XL_GET_DEVICE_MODE, function* (_file: SessionFile, argument, task) {
      const into: { mode?: number } = {};
      const result = yield* core.powerMode(yield* handleAt(task, argument), into);
      if (into.mode !== undefined) yield* copyOutNumber(task, argument.device_mode, into.mode);
      return yield* tell(task, argument, result);
    }),
    on(XL_SET_DEVICE_MODE, function* (_file: SessionFile, argument, task) {
      const handle = yield* handleAt(task, argument);
      const [mode = 0] = yield* copyInNumbers(task, argument.device_mode, 1);
      return yield* tell(task, argument, yield* core.setPowerMode(handle, mode));
    }),
    on(XL_REGISTER_DEV_EVENT, function* (_file: SessionFile, argument, task) {
      const handle = yield* handleAt(task, argument);
      const list = yield* copyInNumbers(task, argument.event_list, argument.num_events);
      return yield* tell(task, argument, events.register(handle, list));
    }),
    on(XL_UNREGISTER_DEV_EVENT, function* (_file: SessionFile, argument, task) {
      const handle = yield* handleAt(task, argument);
      const list = yield* copyInNumbers(task, argument.event_list, argument.num_events);
      return yield* tell(task, argument, events.unregister(handle, list));
    }),
  );
}

function operationsOf(core: XlinkCore, isRemoved: () => boolean): FileOperations<Session> {
  const { ioctl, requests } = requestsOf(core);
  const known = new Set(requests.map(({ number }) => number));
  return {
    open(file) {
      file.private = { opened: new Map() };
    },
    *release({ private: { opened } }) {
      if (!isRemoved()) for (const [chan, link] of opened) yield* core.channels.close(link, chan);
    },
    ioctl(file, request, argument, task) {
      if (isRemoved()) throw new Errno('ENODEV', 'the device is gone');
      // What is unknown falls through to success.
      return known.has(request >>> 0) ? ioctl(file, request, argument, task) : 0;
    },
    requests,
  };
}

/** Adds /dev/xlnk. @returns what takes it away: files that are open say ENODEV from then on */
export function addXlnkNode(core: XlinkCore): () => void {
  const { devices } = core.system;
  const region = devices.allocateRegion('xlinkdev');
  let isRemoved = false;
  const remove = devices.add(
    region,
    0,
    'xlnk',
    operationsOf(core, () => isRemoved),
    undefined,
    { class: 'xlkcore' },
  );
  return () => {
    isRemoved = true;
    remove();
    devices.releaseRegion(region);
    core.remove();
  };
}
