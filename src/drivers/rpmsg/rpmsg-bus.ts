/** drivers/rpmsg/rpmsg_core.c: the bus that brings channels and their drivers together. */
import { Errno, isErrno } from '../../abi/index.ts';
import { RPMSG_ADDR_ANY } from '../../abi/uapi/index.ts';
import { type AttributeGroup, type Bus, type Device, type DeviceDriver, finish, type Kernel, type System } from '../../kernel/index.ts';
import type { ChannelInfo, RpmsgDevice, RpmsgDriver, RpmsgTransport } from './rpmsg-device.ts';

function attributesOf(channel: RpmsgDevice): AttributeGroup {
  const shown = (name: string, show: () => string) => ({ name, mode: 0o444, show: () => `${show()}\n` });
  return {
    attributes: [
      shown('name', () => channel.name),
      shown('modalias', () => `rpmsg:${channel.name}`),
      shown('dst', () => `0x${channel.dst.toString(16)}`),
      shown('src', () => `0x${channel.src.toString(16)}`),
      shown('announce', () => `${channel.announce}`),
      {
        name: 'driver_override',
        mode: 0o644,
        show: () => `${channel.driverOverride ?? '(null)'}\n`,
        store: (text) => {
          const name = text.replace(/[\n\0].*$/s, '');
          channel.driverOverride = name === '' ? undefined : name;
        },
      },
    ],
  };
}

const matches = ({ driverOverride, name }: RpmsgDevice, driver: RpmsgDriver): boolean =>
  driverOverride === undefined ? (driver.idTable?.includes(name) ?? false) : driverOverride === driver.name;

/** rpmsg_dev_probe: a driver with a callback finds an endpoint, and services of Linux's are announced. */
function* probe(channel: RpmsgDevice, driver: RpmsgDriver): Kernel<void> {
  const { transport } = channel;
  channel.driver = driver;
  try {
    if (driver.callback !== undefined) {
      const endpoint = transport.createEndpoint(channel, driver.callback, undefined, channel.src);
      if (endpoint === undefined) {
        channel.print('err', 'failed to create endpoint');
        throw new Errno('ENOMEM', `${channel.path} gets no endpoint`);
      }
      endpoint.flowCallback = driver.flowControl;
      channel.endpoint = endpoint;
      channel.src = endpoint.address;
    }
    yield* probeWithEndpoint(channel, driver);
  } catch (error) {
    channel.driver = undefined;
    throw error;
  }
}

function* probeWithEndpoint(channel: RpmsgDevice, driver: RpmsgDriver): Kernel<void> {
  try {
    try {
      yield* finish(driver.probe(channel));
    } catch (error) {
      if (isErrno(error)) channel.print('err', `rpmsg_dev_probe: failed: ${-error.errno}`);
      throw error;
    }
    if (driver.callback === undefined) return;
    try {
      yield* channel.transport.announce(channel, false);
    } catch (error) {
      channel.print('err', 'failed to announce creation');
      yield* finish(driver.remove?.(channel));
      throw error;
    }
  } catch (error) {
    yield* dropEndpoint(channel);
    throw error;
  }
}

/** rpmsg_dev_remove. */
function* remove(channel: RpmsgDevice, driver: RpmsgDriver): Kernel<void> {
  try {
    yield* channel.transport.announce(channel, true);
  } catch (error) {
    // The log says it; the channel goes all the same.
    if (!isErrno(error)) throw error;
  }
  yield* finish(driver.remove?.(channel));
  yield* dropEndpoint(channel);
  channel.driver = undefined;
}

function* dropEndpoint(channel: RpmsgDevice): Kernel<void> {
  const { endpoint } = channel;
  channel.endpoint = undefined;
  if (endpoint !== undefined) yield* channel.transport.destroyEndpoint(endpoint);
}

/** The rpmsg bus of a machine. */
class RpmsgBus {
  readonly #system: System;
  readonly #bus: Bus;
  readonly #channels = new Map<string, RpmsgDevice>();
  readonly #drivers = new Map<DeviceDriver, RpmsgDriver>();

  constructor(system: System) {
    this.#system = system;
    this.#bus = system.deviceModel.addBus({
      name: 'rpmsg',
      match: (device, driver) => matches(this.#of(device), this.#drivers.get(driver) as RpmsgDriver),
      uevent: (device) => [['MODALIAS', `rpmsg:${this.#of(device).name}`]],
      deviceGroups: (device) => [attributesOf(this.#of(device))],
    });
  }

  /** rpmsg_register_device: returns when a driver has taken the channel, or none will. @throws Errno EEXIST */
  *register(channel: RpmsgDevice): Kernel<void> {
    const name = channel.path.replaceAll('/', '!');
    if (this.#channels.has(name)) throw new Errno('EEXIST', `there is a channel ${name}`);
    this.#channels.set(name, channel);
    yield* channel.lock.lock();
    try {
      yield* this.#system.deviceModel.registerAndWait({ name, parent: channel.transport.parent, bus: this.#bus }, (device) => {
        channel.device = device;
      });
    } finally {
      if (channel.device === undefined) this.#channels.delete(name);
      channel.lock.unlock();
    }
  }

  /** device_unregister: waits until its driver has let go. */
  *unregister(channel: RpmsgDevice): Kernel<void> {
    yield* channel.lock.lock();
    try {
      const { device } = channel;
      // Somebody else may have been faster.
      if (device === undefined) return;
      yield* this.#bus.unbind(device);
      device.unregister();
      channel.device = undefined;
      this.#channels.delete(device.name);
    } finally {
      channel.lock.unlock();
    }
  }

  /** rpmsg_find_device: a channel of that name, and with those of the addresses that are not RPMSG_ADDR_ANY. */
  find(transport: RpmsgTransport, { name, src, dst }: ChannelInfo): RpmsgDevice | undefined {
    return this.of(transport).find(
      (channel) =>
        (src === RPMSG_ADDR_ANY || src === channel.src) && (dst === RPMSG_ADDR_ANY || dst === channel.dst) && name === channel.name,
    );
  }

  /** The channels of a transport, oldest first. */
  of(transport: RpmsgTransport): RpmsgDevice[] {
    return [...this.#channels.values()].filter((channel) => channel.transport === transport);
  }

  addDriver(driver: RpmsgDriver): () => void {
    const own: DeviceDriver = {
      name: driver.name,
      probe: (device) => probe(this.#of(device), driver),
      remove: (device) => remove(this.#of(device), driver),
    };
    this.#drivers.set(own, driver);
    return this.#bus.addDriver(own);
  }

  #of(device: Device): RpmsgDevice {
    return this.#channels.get(device.name) as RpmsgDevice;
  }
}

const makeRpmsgBus = (system: System) => new RpmsgBus(system);

/** The rpmsg bus of a machine, which the first who asks brings up. */
export const rpmsgBus = (system: System): RpmsgBus => system.single(makeRpmsgBus);
