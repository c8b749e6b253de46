/** The bus of industrial I/O devices: numbers, nodes, and the folders of debugfs. */
import type { AttributeGroup, Bus, Device, FileOperations, System } from '../../kernel/index.ts';
import { debugfs } from '../../vfs/pseudo/index.ts';
import type { IioDevice } from './iio-device.ts';
import { addRegisterAccess, type RegisterAccess } from './register-access.ts';

/** Where a device is, and what it shows. */
interface Place {
  readonly parent: Device;
  readonly groups: readonly AttributeGroup[];
  readonly ops: FileOperations;
}

class IioBus {
  readonly #system: System;
  readonly #bus: Bus;
  readonly #region;
  readonly #debugfs;
  readonly #ids = new Set<number>();

  constructor(system: System) {
    this.#system = system;
    this.#bus = system.deviceModel.addBus({ name: 'iio' });
    this.#region = system.devices.allocateRegion('iio');
    this.#debugfs = debugfs(system).createDirectory('iio');
  }

  /** @returns what takes it away */
  add(device: IioDevice, { parent, groups, ops }: Place, registers: RegisterAccess | undefined): () => void {
    let id = 0;
    while (this.#ids.has(id)) id++;
    this.#ids.add(id);
    device.id = `iio:device${id}`;
    const folder = this.#debugfs.createDirectory(device.id);
    if (registers !== undefined) addRegisterAccess(folder, registers);
    const remove = this.#system.devices.add(this.#region, id, device.id, ops, undefined, {
      bus: this.#bus,
      parent,
      groups,
      devtype: 'iio_device',
    });
    return () => {
      remove();
      this.#debugfs.remove(device.id);
      this.#ids.delete(id);
    };
  }
}

const makeBus = (system: System) => new IioBus(system);

export const iioBus = (system: System): IioBus => system.single(makeBus);
