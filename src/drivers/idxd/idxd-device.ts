/** drivers/dma/idxd/device.c: a device, its queues, and how they are enabled and disabled. */
import { Errno } from '../../abi/index.ts';
import {
  IDXD_SCMD_CDEV_ERR,
  IDXD_SCMD_DEV_ENABLED,
  IDXD_SCMD_DEV_NOT_ENABLED,
  IDXD_SCMD_WQ_ENABLED,
  IDXD_SCMD_WQ_NO_GRP,
  IDXD_SCMD_WQ_NO_NAME,
  IDXD_SCMD_WQ_NO_SIZE,
  IDXD_SCMD_WQ_NO_THRESH,
  IDXD_SCMD_WQ_NONE_CONFIGURED,
} from '../../abi/uapi/index.ts';
import type { Ims } from '../../ims/index.ts';
import { type CharacterRegion, type Device, type Kernel, Mutex, type System } from '../../kernel/index.ts';
import { type DsaPort, dsaRegisters as regs } from '../../ports/dsa/index.ts';
import { type Capabilities, EngineConfig, GroupConfig, QueueConfig, readCapabilities } from './configuration.ts';
import { Mailbox } from './mailbox.ts';
import type { Pasids } from './pasids.ts';

export interface IdxdParts {
  readonly system: System;
  readonly id: number;
  readonly port: DsaPort;
  readonly ims: Ims;
  readonly pasids: Pasids;
  readonly region: CharacterRegion;
}

/** A work queue as the driver has it. */
export class IdxdQueue {
  readonly device: IdxdDevice;
  readonly config: QueueConfig;
  isEnabled = false;
  readonly lock: Mutex;
  /** Opens. */
  clients = 0;
  /** Of its node, while it has one. */
  minor: number | undefined;
  /** In sysfs. */
  shown: Device | undefined;
  /** Takes the node away. */
  removeNode: (() => void) | undefined;

  constructor(device: IdxdDevice, index: number) {
    this.device = device;
    this.config = new QueueConfig(index, device.capabilities);
    this.lock = new Mutex(this.name, device.parts.system.lockdep.lockClass('wq->wq_lock'));
  }

  get name(): string {
    return `wq${this.device.id}.${this.config.index}`;
  }
}

export class IdxdDevice {
  readonly parts: IdxdParts;
  readonly id: number;
  readonly port: DsaPort;
  readonly capabilities: Capabilities;
  readonly mailbox: Mailbox;
  readonly groups: readonly GroupConfig[];
  readonly engines: readonly EngineConfig[];
  readonly queues: readonly IdxdQueue[];
  isEnabled = false;
  /** What the last command, or the driver, had to say. */
  commandStatus = 0;
  readBufferLimit = 0;
  readonly #minors = new Set<number>();

  constructor(parts: IdxdParts) {
    this.parts = parts;
    this.id = parts.id;
    this.port = parts.port;
    this.capabilities = readCapabilities(parts.port);
    this.mailbox = new Mailbox(parts.system, parts.port, this.name);
    const { groups, engines, queues } = this.capabilities;
    this.groups = Array.from({ length: groups }, (_, index) => new GroupConfig(index, this.capabilities));
    this.engines = Array.from({ length: engines }, (_, index) => new EngineConfig(index));
    this.queues = Array.from({ length: queues }, (_, index) => new IdxdQueue(this, index));
  }

  get name(): string {
    return `dsa${this.id}`;
  }

  /** Read buffers that no group has reserved. */
  get freeReadBuffers(): number {
    return this.capabilities.readBuffers - this.groups.reduce((sum, { readBuffersReserved }) => sum + readBuffersReserved, 0);
  }

  /** idxd_device_drv_probe. @throws Errno ENXIO, with the reason in {@link commandStatus} */
  *enable(): Kernel<void> {
    if (this.isEnabled) this.#refuse(IDXD_SCMD_DEV_ENABLED);
    this.#configure();
    const status = yield* this.mailbox.execute(regs.ENABLE_DEVICE, 0);
    this.commandStatus = status;
    if (status !== regs.CMDSTS_SUCCESS) throw new Errno('ENXIO', `${this.name} says 0x${status.toString(16)}`);
    this.isEnabled = true;
  }

  /** idxd_device_drv_remove, once no queue has a driver. */
  *disable(): Kernel<void> {
    this.commandStatus = yield* this.mailbox.execute(regs.DISABLE_DEVICE, 0);
    yield* this.mailbox.execute(regs.RESET_DEVICE, 0);
    this.isEnabled = false;
    this.mailbox.clearError();
    for (const { config } of this.queues) {
      config.clear();
      config.size = 0;
      config.group = undefined;
    }
    for (const engine of this.engines) engine.group = undefined;
    for (const group of this.groups) {
      group.readBuffersReserved = 0;
      group.readBuffersAllowed = this.capabilities.readBuffers;
      group.usesReadBufferLimit = false;
    }
  }

  /** idxd_drv_enable_wq. @throws Errno ENXIO, EBUSY, with the reason in {@link commandStatus} */
  *enableQueue(queue: IdxdQueue): Kernel<void> {
    const { config } = queue;
    if (!this.isEnabled) this.#refuse(IDXD_SCMD_DEV_NOT_ENABLED);
    if (queue.isEnabled) {
      this.commandStatus = IDXD_SCMD_WQ_ENABLED;
      throw new Errno('EBUSY', `${queue.name} is enabled`);
    }
    if (config.group === undefined) this.#refuse(IDXD_SCMD_WQ_NO_GRP);
    if (config.name === '') this.#refuse(IDXD_SCMD_WQ_NO_NAME);
    if (!config.isDedicated && config.threshold === 0) this.#refuse(IDXD_SCMD_WQ_NO_THRESH);
    this.#configure();
    yield* this.switchOn(queue);
    queue.clients = 0;
  }

  /** idxd_drv_disable_wq. */
  *disableQueue(queue: IdxdQueue): Kernel<void> {
    const { system } = this.parts;
    if (queue.clients > 0) system.log.print('warn', `idxd ${queue.name}: Clients has claim on wq ${queue.config.index}: ${queue.clients}`);
    yield* this.mailbox.execute(regs.DRAIN_WQ, regs.wqBit(queue.config.index));
    this.commandStatus = yield* this.mailbox.execute(regs.RESET_WQ, regs.wqBit(queue.config.index));
    queue.isEnabled = false;
    queue.clients = 0;
    queue.config.clear();
  }

  /** idxd_wq_enable. @throws Errno ENXIO */
  *switchOn(queue: IdxdQueue): Kernel<void> {
    const status = yield* this.mailbox.execute(regs.ENABLE_WQ, queue.config.index);
    this.commandStatus = status;
    if (status !== regs.CMDSTS_SUCCESS && status !== regs.CMDSTS_WQ_NOT_DISABLED)
      throw new Errno('ENXIO', `${this.name} says 0x${status.toString(16)}`);
    queue.isEnabled = true;
  }

  /** idxd_wq_set_pasid and disable_pasid: the queue is stopped, changed and started. @throws Errno ENXIO */
  *changePasid(queue: IdxdQueue, pasid: number | undefined): Kernel<void> {
    yield* this.mailbox.execute(regs.DISABLE_WQ, regs.wqBit(queue.config.index));
    queue.config.pasid = pasid;
    queue.config.write(this.port, this.capabilities.wqcfg);
    yield* this.switchOn(queue);
  }

  /** The lowest number that no node has. @throws Errno ENXIO */
  takeMinor(): number {
    let minor = 0;
    while (this.#minors.has(minor)) minor++;
    if (minor > 0xfffff) this.#refuse(IDXD_SCMD_CDEV_ERR);
    this.#minors.add(minor);
    return minor;
  }

  dropMinor(minor: number): void {
    this.#minors.delete(minor);
  }

  /** idxd_device_config: what sysfs was told goes to the registers. @throws Errno ENXIO */
  #configure(): void {
    const { port, capabilities } = this;
    const members = this.queues.filter(({ config }) => config.group !== undefined);
    if (members.length === 0) this.#refuse(IDXD_SCMD_WQ_NONE_CONFIGURED);
    if (members.some(({ config }) => config.size === 0)) this.#refuse(IDXD_SCMD_WQ_NO_SIZE);
    if (!this.engines.some(({ group }) => group !== undefined)) throw new Errno('ENXIO', 'no engine is in a group');
    for (const { config } of members) config.write(port, capabilities.wqcfg);
    for (const group of this.groups) this.#configureGroup(group);
    port.write(regs.GENCFG, this.readBufferLimit);
  }

  #configureGroup(group: GroupConfig): void {
    const { port, capabilities } = this;
    const at = capabilities.grpcfg + group.index * regs.GRPCFG_STRIDE;
    const bits = (members: readonly { readonly index: number; readonly group: GroupConfig | undefined }[]) =>
      members.reduce((mask, member) => (member.group === group ? mask | (1 << member.index) : mask), 0) >>> 0;
    const flags =
      group.trafficClassA |
      (group.trafficClassB << 3) |
      (group.usesReadBufferLimit ? 0x80 : 0) |
      (group.readBuffersReserved << 8) |
      (group.readBuffersAllowed << 20);
    port.write(at, bits(this.queues.map(({ config }) => config)));
    port.write(at + regs.GRPCFG_ENGINES, bits(this.engines));
    port.write(at + regs.GRPCFG_FLAGS, flags >>> 0);
  }

  #refuse(status: number): never {
    this.commandStatus = status;
    throw new Errno('ENXIO', `${this.name}: status 0x${status.toString(16)}`);
  }
}
