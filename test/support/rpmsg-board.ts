import {
  addEchoService,
  addPlatformDevice,
  addRpmsg,
  type Board,
  featureSet,
  RpmsgRemote,
  VIRTIO_ID_RPMSG,
  VIRTIO_RPMSG_F_NS,
} from 'ioctopus/driver';
import { type LoopbackDescription, VirtioLoopback } from './virtio-loopback.ts';

export interface RpmsgBoardOptions extends Partial<Pick<LoopbackDescription, 'ringSizes' | 'latency_ns' | 'align'>> {
  /** Numbers of the feature bits that the remote offers; the name service when left out. */
  readonly features?: readonly number[];
  /** What runs on the remote; {@link addEchoService} when left out. */
  readonly firmware?: (remote: RpmsgRemote) => void;
  /** Whether the remote is there from the beginning. */
  readonly isOff?: boolean;
}

export interface RpmsgParts {
  readonly loopback: VirtioLoopback;
  /** What runs now. */
  readonly remote: RpmsgRemote;
  /** The same, or undefined when nothing does. */
  readonly running: RpmsgRemote | undefined;
  start(): void;
  /** As rproc does when it stops, or has crashed: returns at once, and goes on by itself. */
  stop(): void;
}

const partsOf = new WeakMap<object, RpmsgParts>();

/** What is on a machine of this board. */
export const rpmsgParts = (machine: object): RpmsgParts => partsOf.get(machine) as RpmsgParts;

/** A remote processor that is nothing but rpmsg: no memory of its own, no firmware file. */
export function rpmsgBoard({
  ringSizes = [16, 16],
  features = [VIRTIO_RPMSG_F_NS],
  firmware,
  isOff,
  ...timing
}: RpmsgBoardOptions = {}): Board {
  return {
    name: 'rpmsg',
    description: 'a remote processor that sends back what it gets',
    regions: [{ name: 'rpmsg', base: 2 ** 32, size: 2 ** 21 }],
    setUp(machine) {
      const { system, ram } = machine;
      addRpmsg(system);
      const parent = addPlatformDevice(system, { name: 'rproc-virtio', id: 0 });
      const region = ram.region('rpmsg');
      const loopback = new VirtioLoopback({
        system,
        parent,
        region,
        deviceId: VIRTIO_ID_RPMSG,
        features: featureSet(features),
        ringSizes,
        ...timing,
      });
      let remote: RpmsgRemote | undefined;
      let isOn = false;
      loopback.onReady = () => {
        const [rx, tx] = loopback.rings;
        if (rx === undefined || tx === undefined) throw new Error('the driver is ready without rings');
        remote = new RpmsgRemote({ memory: loopback.memory, rx, tx, interrupt: (queue) => loopback.interrupt(queue) });
        (firmware ?? addEchoService)(remote);
      };
      loopback.onReset = () => {
        remote = undefined;
      };
      loopback.onKick = (queue) => remote?.kicked(queue);
      const parts: RpmsgParts = {
        loopback,
        get remote() {
          if (remote === undefined) throw new Error('the remote is off');
          return remote;
        },
        get running() {
          return remote;
        },
        start() {
          isOn = true;
          loopback.plug();
        },
        stop() {
          if (!isOn) return;
          isOn = false;
          system.scheduler.spawn('stop of the remote', undefined, loopback.unplug());
        },
      };
      partsOf.set(machine, parts);
      if (isOff !== true) parts.start();
      machine.onShutdown(() => parts.stop());
    },
  };
}

export default rpmsgBoard();
