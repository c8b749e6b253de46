import { Errno, isErrno } from '../../abi/index.ts';
import { CoherentPool } from '../../memory/index.ts';
import { registerVirtioDevice, unregisterVirtioDevice } from '../../virtio/index.ts';
import { findCarveout } from './carveouts.ts';
import type { Subdevice } from './subdevices.ts';
import type { Rvdev } from './vdev.ts';
import { RprocTransport } from './virtio-transport.ts';

/** 6.5: which memory the device allocates from. @throws Errno ENOMEM, EINVAL, ENODEV */
function assignBuffers(vdev: Rvdev): void {
  const { rproc } = vdev;
  const { parent } = rproc;
  const entry = findCarveout(rproc, `vdev${vdev.index}buffer`);
  if (entry === undefined) {
    try {
      vdev.pool = parent.reservedPool?.(0);
    } catch (error) {
      if (!isErrno(error)) throw error;
    }
    return;
  }
  if (entry.ofResmIdx !== -1) {
    const pool = parent.reservedPool?.(entry.ofResmIdx);
    if (pool === undefined) {
      vdev.print('err', "Can't associate reserved memory");
      throw new Errno('EINVAL', `${rproc.name} has no memory region ${entry.ofResmIdx}`);
    }
    vdev.pool = pool;
    return;
  }
  if (entry.va !== undefined) vdev.print('warn', `vdev ${vdev.index} buffer already mapped`);
  // A whole number of pages, of memory that there is.
  const physical = entry.va?.physical ?? entry.dma;
  const resolve = (address: number) => rproc.resolve(address);
  if (entry.len === 0 || resolve(physical) === undefined) {
    vdev.print('err', 'Failed to associate buffer');
    throw new Errno(entry.len === 0 ? 'EINVAL' : 'ENOMEM', `there is no memory at 0x${physical.toString(16)}`);
  }
  vdev.pool = new CoherentPool({ physical, deviceBase: entry.da, size: entry.len, resolve, roundsUp: parent.roundsUp ?? true });
}

/** The virtio device appears when the processor starts, and goes when it stops. */
export function vdevSubdevice(vdev: Rvdev): Subdevice {
  const { rproc } = vdev;
  return {
    name: `vdev${vdev.index}`,
    start() {
      if (rproc.ops.kick === undefined) {
        vdev.print('err', `.kick method not defined for ${rproc.name}`);
        throw new Errno('EINVAL', 'nobody can kick the processor');
      }
      assignBuffers(vdev);
      try {
        const { system } = rproc;
        vdev.virtio = registerVirtioDevice({ system, parent: vdev.device, transport: new RprocTransport(vdev), deviceId: vdev.id });
      } catch (error) {
        if (isErrno(error)) vdev.print('err', `failed to register vdev: ${error.code}`);
        throw error;
      }
      vdev.print('info', `registered ${vdev.virtio.name} (type ${vdev.id})`);
    },
    *stop() {
      const { virtio } = vdev;
      vdev.virtio = undefined;
      if (virtio !== undefined) yield* unregisterVirtioDevice(virtio);
      vdev.pool = undefined;
    },
  };
}
