/** ffs_epfile_operations of f_fs.c. */
import { Errno } from '../../abi/index.ts';
import {
  FUNCTIONFS_CLEAR_HALT,
  FUNCTIONFS_DMABUF_ATTACH,
  FUNCTIONFS_DMABUF_DETACH,
  FUNCTIONFS_DMABUF_TRANSFER,
  FUNCTIONFS_ENDPOINT_DESC,
  FUNCTIONFS_ENDPOINT_REVMAP,
  FUNCTIONFS_FIFO_FLUSH,
  FUNCTIONFS_FIFO_STATUS,
  USB_SPEED_HIGH,
  USB_SPEED_SUPER,
  usb_endpoint_descriptor,
} from '../../abi/uapi/index.ts';
import { copyToUser, type File, type FileOperations, ioctls, type Kernel, on, onRaw, type Task } from '../../kernel/index.ts';
import { attachBuffer, detachAll, detachBuffer, transferBuffer } from './dmabuf.ts';
import type { FfsEndpoint } from './endpoint.ts';
import { assertActive, readEndpoint, submitTransfer, waitForBound, writeEndpoint } from './endpoint-io.ts';
import type { FfsFile } from './file-system.ts';

type EndpointFile = File<FfsEndpoint>;

/** FFS_ENDPOINT_REVMAP: a field that nothing ever sets. */
const NUMBER_NEVER_SET = 255;

/** What the host sees at the speed that it has. Audio endpoints have two bytes more. @throws Errno EINVAL, where Linux dereferences null */
function* describe(file: EndpointFile, address: number, task: Task): Kernel<number> {
  const { ffs, bound } = file.private;
  const speed = ffs.gadget?.speed ?? 0;
  const descriptor = bound?.descriptors[speed >= USB_SPEED_SUPER ? 2 : speed === USB_SPEED_HIGH ? 1 : 0];
  if (descriptor === undefined) throw new Errno('EINVAL', 'the endpoint is not described at this speed');
  const bytes = new Uint8Array(usb_endpoint_descriptor.size);
  usb_endpoint_descriptor.encode(new DataView(bytes.buffer), 0, descriptor);
  yield* copyToUser(task.memory, address, bytes.subarray(0, descriptor.bLength));
  return 0;
}

/** The controller's endpoint, which is there. */
const epOf = (file: EndpointFile) => (file.private.bound as NonNullable<FfsEndpoint['bound']>).ep;

/** Requests on buffers, served whether the endpoint is enabled or not. */
const bufferRequests = ioctls<FfsEndpoint>(
  on(FUNCTIONFS_DMABUF_ATTACH, attachBuffer),
  on(FUNCTIONFS_DMABUF_DETACH, detachBuffer),
  on(FUNCTIONFS_DMABUF_TRANSFER, transferBuffer),
);
const isOnBuffers = (request: number) => bufferRequests.requests.some(({ number }) => number === request);

/** Requests to an endpoint that is enabled; even one that nobody knows waits until it is. */
const endpointRequests = ioctls<FfsEndpoint>(
  on(FUNCTIONFS_FIFO_STATUS, (file: EndpointFile) => epOf(file).fifoStatus()),
  on(FUNCTIONFS_FIFO_FLUSH, (file: EndpointFile) => epOf(file).fifoFlush()),
  on(FUNCTIONFS_CLEAR_HALT, (file: EndpointFile) => epOf(file).clearHalt()),
  on(FUNCTIONFS_ENDPOINT_REVMAP, () => NUMBER_NEVER_SET),
  onRaw(FUNCTIONFS_ENDPOINT_DESC, describe),
);

export const endpointOperations: FileOperations<FfsEndpoint> = {
  open(file) {
    const endpoint = (file.inode as FfsFile<FfsEndpoint>).of;
    assertActive(endpoint);
    file.private = endpoint;
    file.makeNonseekable();
    return endpoint.ffs.fileOpened();
  },

  *release({ private: endpoint }) {
    yield* detachAll(endpoint);
    endpoint.stash = undefined;
    yield* endpoint.ffs.fileClosed();
  },

  read: readEndpoint,
  write: writeEndpoint,
  readIter: (file, to, request) => submitTransfer(file, to, request, true),
  writeIter: (file, from, request) => submitTransfer(file, from, request, false),

  *ioctl(file, request, argument, task) {
    assertActive(file.private);
    if (isOnBuffers(request)) {
      const answer = bufferRequests.ioctl(file, request, argument, task);
      return typeof answer === 'number' ? answer : yield* answer;
    }
    yield* waitForBound(file);
    const answer = endpointRequests.ioctl(file, request, argument, task);
    return typeof answer === 'number' ? answer : yield* answer;
  },
  requests: [...bufferRequests.requests, ...endpointRequests.requests],
};
