import { VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_ID_RPMSG, VIRTIO_RING_F_EVENT_IDX } from '../../abi/uapi/index.ts';
import type { Kernel } from '../../kernel/index.ts';
import { DeviceRing } from '../../virtio/index.ts';
import { BusFault } from './bus.ts';
import type { VdevView } from './firmware-table.ts';
import type { FirmwareCpu, FirmwareProgram } from './program.ts';
import { addEchoService, RpmsgRemote } from './rpmsg-remote.ts';

/** Waits until Linux's driver has said that it is ready. Before that the rings are nobody's. */
function* driverReady(cpu: FirmwareCpu, id: number): Kernel<VdevView> {
  for (;;) {
    const vdev = cpu.table?.vdev(id);
    if (vdev !== undefined && (vdev.status & VIRTIO_CONFIG_S_DRIVER_OK) !== 0) return vdev;
    yield* cpu.doorbell();
  }
}

/** Buffers are told by addresses of the CPU's: where the processor has them follows from its windows, or from its carveouts. */
function translator(cpu: FirmwareCpu): (physical: number) => number {
  const carveouts = cpu.table?.carveouts() ?? [];
  return (physical) => {
    const own = cpu.bus.fromPhysical(physical);
    if (own !== undefined) return own;
    const carveout = carveouts.find(({ pa, len }) => physical >= pa && physical < pa + len);
    if (carveout === undefined) throw new BusFault(physical, false);
    return physical - carveout.pa + carveout.da;
  };
}

/** Brings up rpmsg over the first virtio device that speaks it, and serves it until reset. @param begin what is said and served then */
export function* serveRpmsg(cpu: FirmwareCpu, begin: (remote: RpmsgRemote) => void): Kernel<void> {
  const vdev = yield* driverReady(cpu, VIRTIO_ID_RPMSG);
  const hasEventIdx = ((vdev.gfeatures >>> VIRTIO_RING_F_EVENT_IDX) & 1) === 1;
  const translate = translator(cpu);
  const rings = vdev.vrings.map(
    ({ da, num, align }) => new DeviceRing({ memory: cpu.bus, address: da, num, align, hasEventIdx, translate }),
  );
  const [rx, tx] = rings;
  if (rx === undefined || tx === undefined) throw new RangeError('rpmsg has two rings');
  const lineOf = (queue: number) => 2 ** (vdev.vrings[queue]?.notifyid ?? 0);
  const remote = new RpmsgRemote({ memory: cpu.bus, rx, tx, interrupt: (queue) => cpu.ring(lineOf(queue)) });
  cpu.trace.print(`rings at 0x${vdev.vrings.map(({ da }) => da.toString(16)).join(' and 0x')}`);
  begin(remote);
  for (const queue of rings.keys()) remote.kicked(queue);
  for (;;) {
    const bits = yield* cpu.doorbell();
    for (const queue of rings.keys()) if ((bits & lineOf(queue)) !== 0) remote.kicked(queue);
  }
}

/**
 * Sends back each message to whoever sent it.
 *
 * Options: `service`, the name under which it is announced; `rpmsg-raw` when left out, which becomes a file.
 */
export const rpmsgEcho: FirmwareProgram = function* (cpu) {
  cpu.trace.print('echo: waiting for the driver');
  yield* serveRpmsg(cpu, (remote) => {
    addEchoService(remote, cpu.option('service') ?? 'rpmsg-raw');
    cpu.trace.print('echo: serving');
  });
};
