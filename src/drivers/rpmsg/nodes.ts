import { type AttributeGroup, type CharacterRegion, type Device, type FileOperations, Idr, type System } from '../../kernel/index.ts';

/** Device nodes with a number in their name, which are of the class rpmsg: their region, and the numbers that are taken. */
export class Nodes {
  readonly #system: System;
  readonly #region: CharacterRegion;
  readonly #prefix: string;
  readonly #numbers = new Idr<true>(0);

  /** @param region its name in /proc/devices @param prefix of the nodes' names */
  constructor(system: System, region: string, prefix: string) {
    this.#system = system;
    this.#region = system.devices.allocateRegion(region);
    this.#prefix = prefix;
  }

  take(): number {
    return this.#numbers.allocate(true);
  }

  giveBack(number: number): void {
    this.#numbers.remove(number);
  }

  name(number: number): string {
    return `${this.#prefix}${number}`;
  }

  /** cdev_device_add. @returns cdev_device_del */
  add(number: number, ops: FileOperations, parent: Device, attributes?: AttributeGroup): () => void {
    const groups = attributes === undefined ? {} : { groups: [attributes] };
    return this.#system.devices.add(this.#region, number, this.name(number), ops, undefined, { class: 'rpmsg', parent, ...groups });
  }

  /** The device that {@link add} made. */
  device(number: number): Device {
    const { devices } = this.#system.deviceModel.class('rpmsg');
    return devices.find(({ name }) => name === this.name(number)) as Device;
  }
}
