/** /dev/imslab: a device whose only purpose is its message store, to try designs on (11.5 of docs/reference/ims-dsa.md). */
import { Ims, type ImsDescription, ImsSession, imsAttributes, imsRequests, imsSizeAttribute, vfioIrqRequests } from '../../ims/index.ts';
import { addPlatformDevice, type File, type FileOperations, ioctls, type Kernel } from '../../kernel/index.ts';

export type ImslabDescription = Pick<ImsDescription, 'system' | 'irqs' | 'router' | 'requester' | 'deviceId' | 'settings'>;

export interface Imslab {
  readonly ims: Ims;
  /** Takes the node and the device away. No file may be open. */
  remove(): Kernel<void>;
}

type Session = { readonly ims: ImsSession };

/** Adds the device and its node. @throws Errno as the allocation of the static vectors */
export function* addImslab(description: ImslabDescription): Kernel<Imslab> {
  const { system } = description;
  const ims = new Ims({ ...description, name: 'imslab.0', actionName: 'imslab' });
  yield* ims.probe();
  const device = addPlatformDevice(system, {
    name: 'imslab',
    id: 0,
    groups: [{ attributes: [imsSizeAttribute(ims)] }, { name: 'ims', attributes: imsAttributes(ims) }],
  });
  const sessionOf = (file: File<Session>) => file.private.ims;
  const ops: FileOperations<Session> = {
    *open(file, task) {
      const session = new ImsSession({ ims, client: { pid: task.tgid, queue: 'imslab.0' } });
      yield* session.open();
      file.private = { ims: session };
    },
    release: (file) => file.private.ims.close(),
    showFdinfo: (file) => file.private.ims.fdinfo(),
    ...ioctls<Session>(...imsRequests(sessionOf), ...vfioIrqRequests(sessionOf)),
  };
  const deregister = system.devices.addMisc({ name: 'imslab', ops, mode: 0o600 });
  return {
    ims,
    *remove() {
      deregister();
      device.unregister();
      yield* ims.remove();
    },
  };
}
