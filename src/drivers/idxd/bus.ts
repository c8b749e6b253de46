/** drivers/dma/idxd/bus.c: the bus of devices, queues, groups and engines, and the drivers that enable the first two. */
import { Errno } from '../../abi/index.ts';
import { IDXD_SCMD_WQ_NO_DRV_NAME } from '../../abi/uapi/index.ts';
import type { Bus, Device, DeviceDriver, Kernel, System } from '../../kernel/index.ts';
import type { IdxdDevice, IdxdQueue } from './idxd-device.ts';

/** How a queue becomes a node, and is none any more. */
export interface QueueNodes {
  add(queue: IdxdQueue): void;
  remove(queue: IdxdQueue): void;
}

/** What a device of the bus is. */
type Member = { readonly kind: 'device'; readonly device: IdxdDevice } | { readonly kind: 'queue'; readonly queue: IdxdQueue };

export class DsaBus {
  readonly bus: Bus;
  readonly #members = new WeakMap<Device, Member>();
  readonly #nodes: QueueNodes;
  readonly #drivers: readonly [device: DeviceDriver, user: DeviceDriver];
  readonly #removeDrivers: readonly (() => void)[];

  constructor(system: System, nodes: QueueNodes) {
    this.#nodes = nodes;
    this.bus = system.deviceModel.addBus({
      name: 'dsa',
      // A device is told to its driver by `bind`: when it is registered nothing of it is configured, and drivers refuse it.
      match: (device, { name }) => this.#driverOf(device) === name,
      uevent: () => [['MODALIAS', 'dsa:t0']],
    });
    this.#drivers = [this.#deviceDriver(), this.#userDriver()];
    this.#removeDrivers = this.#drivers.map((driver) => this.bus.addDriver(driver));
  }

  /** From now on drivers can be bound to it. */
  know(shown: Device, member: Member): void {
    this.#members.set(shown, member);
  }

  /** What a write to `bind` of its driver does. @throws Errno as the driver's probe */
  *bind(shown: Device): Kernel<void> {
    const kind = this.#members.get(shown)?.kind;
    yield* this.bus.bind(shown, this.#drivers[kind === 'device' ? 0 : 1]);
  }

  remove(): void {
    for (const removeDriver of this.#removeDrivers) removeDriver();
  }

  #driverOf(device: Device): string | undefined {
    const member = this.#members.get(device);
    return member === undefined ? undefined : member.kind === 'device' ? 'idxd' : 'user';
  }

  #deviceDriver(): DeviceDriver {
    const deviceOf = (shown: Device) => (this.#members.get(shown) as Extract<Member, { kind: 'device' }>).device;
    const { bus } = this;
    return {
      name: 'idxd',
      probe: (shown) => deviceOf(shown).enable(),
      *remove(shown): Kernel<void> {
        const device = deviceOf(shown);
        for (const { shown: queue } of device.queues) if (queue?.driver !== undefined) yield* bus.unbind(queue);
        yield* device.disable();
      },
    };
  }

  #userDriver(): DeviceDriver {
    const queueOf = (shown: Device) => (this.#members.get(shown) as Extract<Member, { kind: 'queue' }>).queue;
    const nodes = this.#nodes;
    return {
      name: 'user',
      *probe(shown): Kernel<void> {
        const queue = queueOf(shown);
        const { device, config } = queue;
        if (!device.isEnabled) throw new Errno('ENXIO', `${device.name} is not enabled`);
        if (!config.driverName.startsWith('user')) {
          device.commandStatus = IDXD_SCMD_WQ_NO_DRV_NAME;
          throw new Errno('ENODEV', `${queue.name} is for the driver "${config.driverName}"`);
        }
        config.type = 'user';
        yield* device.enableQueue(queue);
        nodes.add(queue);
        device.commandStatus = 0;
      },
      *remove(shown): Kernel<void> {
        const queue = queueOf(shown);
        nodes.remove(queue);
        yield* queue.device.disableQueue(queue);
      },
    };
  }
}
