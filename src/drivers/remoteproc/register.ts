/** rproc_add and rproc_del. Section 19 of docs/reference/remoteproc.md. */
import { Errno, isErrno } from '../../abi/index.ts';
import { type CharacterRegion, type Device, devcoredumps, firmwareClass, Idr, type Kernel, type System } from '../../kernel/index.ts';
import { boot, shutdown } from './boot.ts';
import { rprocFileOperations } from './character-device.ts';
import { createDebugDirectory } from './debugfs.ts';
import type { Rproc } from './rproc.ts';
import { stopSubdevices } from './subdevices.ts';
import { rprocGroup } from './sysfs.ts';

const DEVICES_MAX = 64;

interface Remoteprocs {
  readonly indices: Idr<Rproc>;
  readonly region: CharacterRegion;
}

function makeRemoteprocs(system: System): Remoteprocs {
  firmwareClass(system);
  devcoredumps(system);
  system.deviceModel.class('remoteproc');
  return { indices: new Idr(0), region: system.devices.allocateRegion('remoteproc') };
}

/** Every processor of a machine, by its number. */
export const remoteprocs = (system: System): readonly Rproc[] => [...system.single(makeRemoteprocs).indices].map(([, rproc]) => rproc);

/**
 * rproc_add: the device with its node, debugfs, and a first boot if it is to have one.
 *
 * @param halt ends what runs on a processor that could not be shut down
 * @returns rproc_del
 * @throws Errno EINVAL when it could be neither started nor attached to
 */
export function addRproc(rproc: Rproc, halt: () => void): () => Kernel<void> {
  const { system, ops, state } = rproc;
  const isSane =
    state === 'offline' ? ops.start !== undefined : state === 'detached' && ops.attach !== undefined && rproc.cachedTable === undefined;
  if (!isSane) throw new Errno('EINVAL', `${rproc.name} is ${state} and has no operation for that`);
  const all = system.single(makeRemoteprocs);
  rproc.index = all.indices.allocate(rproc);
  const name = `remoteproc${rproc.index}`;
  const removeDevice = addDevice(rproc, all.region, name);
  rproc.device = system.deviceModel.class('remoteproc').devices.find((device) => device.name === name) as Device;
  const removeDebug = createDebugDirectory(rproc);
  rproc.print('info', `${rproc.name} is available`);
  if (rproc.autoBoot) system.scheduler.spawn(`boot of ${rproc.name}`, undefined, firstBoot(rproc));
  let isDeleted = false;
  return function* () {
    if (isDeleted) return;
    isDeleted = true;
    try {
      yield* shutdown(rproc);
    } catch (error) {
      if (!isErrno(error)) throw error;
    }
    yield* rproc.lock.lock();
    halt();
    yield* reclaim(rproc);
    rproc.state = 'deleted';
    rproc.lock.unlock();
    removeDebug();
    removeDevice();
    all.indices.remove(rproc.index);
  };
}

function addDevice(rproc: Rproc, region: CharacterRegion, name: string): () => void {
  const place = { class: 'remoteproc', parent: rproc.parent.device, groups: [rprocGroup(rproc)] };
  if (rproc.index >= DEVICES_MAX) throw new Errno('EINVAL', `${name} would be one too many`);
  return rproc.system.devices.add(region, rproc.index, name, rprocFileOperations(rproc), undefined, place);
}

/** Asked for by the driver itself: nobody is told when it fails. */
function* firstBoot(rproc: Rproc): Kernel<void> {
  try {
    yield* boot(rproc);
  } catch (error) {
    if (!isErrno(error)) throw error;
  }
}

/**
 * What a processor still has that could not be shut down: one that has crashed, has no stop operation, or was started more than once.
 * Linux loses it when the driver goes; here it goes with the driver, while the folders of its devices are there.
 */
function* reclaim(rproc: Rproc): Kernel<void> {
  yield* stopSubdevices(rproc, true);
  rproc.cleanUpResources();
  rproc.dropTables();
  rproc.disableIommu();
}

/** atomic notifier of a panic: how long the machine is to wait for its processors, in milliseconds. */
export function panicDelay_ms(system: System): number {
  const delays = remoteprocs(system)
    .filter(({ state }) => state === 'running' || state === 'attached')
    .map((rproc) => rproc.ops.panic?.(rproc) ?? 0);
  return Math.max(0, ...delays);
}
