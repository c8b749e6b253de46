import {
  type CoherentBuffer,
  type ContiguousRegion,
  type Device,
  type DeviceMemory,
  DeviceRing,
  type Kernel,
  PAGE_SIZE,
  registerVirtioDevice,
  type System,
  splitRingFeatures,
  splitRingSize,
  unregisterVirtioDevice,
  type VirtioDevice,
  type VirtioTransport,
  Virtqueue,
  type VirtqueueInfo,
  WaitQueue,
  wait,
} from 'ioctopus/driver';

export interface LoopbackDescription {
  readonly system: System;
  readonly parent: Device;
  /** Where rings and buffers come from. */
  readonly region: ContiguousRegion;
  readonly deviceId: number;
  readonly features: bigint;
  /** Entries of each ring. */
  readonly ringSizes: readonly number[];
  readonly align?: number;
  /** How long a kick or an interrupt takes. */
  readonly latency_ns?: number;
}

interface Ring {
  readonly memory: CoherentBuffer;
  readonly queue: Virtqueue;
  readonly deviceSide: DeviceRing;
}

/** A virtio device in the machine's RAM: its other side is what a test makes of the rings. */
export class VirtioLoopback implements VirtioTransport {
  readonly memory: DeviceMemory;
  readonly #description: LoopbackDescription;
  #status = 0;
  /** Every value that the status byte has had. */
  readonly statuses: number[] = [];
  accepted = 0n;
  #rings: Ring[] = [];
  #device: VirtioDevice | undefined;
  #pending = 0;
  readonly #interrupt = new WaitQueue('an interrupt of the loopback');
  #isOver = false;
  /** Kicks of each queue that came through. */
  readonly kicks: number[] = [];
  interrupts = 0;
  /** The device may begin: DRIVER_OK was set. */
  onReady: (() => void) | undefined;
  onKick: ((queue: number) => void) | undefined;
  onReset: (() => void) | undefined;

  constructor(description: LoopbackDescription) {
    this.#description = description;
    const { region } = description;
    const at = (address: number) => {
      const range = region.resolve(address);
      if (range === undefined) throw new Error(`the device looks at 0x${address.toString(16)}, where nothing is`);
      return range.memory.bytes().subarray(range.offset, range.offset + range.length);
    };
    this.memory = {
      readInto: (address, bytes) => bytes.set(at(address).subarray(0, bytes.length)),
      write: (address, bytes) => at(address).set(bytes),
    };
  }

  get device(): VirtioDevice {
    return this.#device as VirtioDevice;
  }

  /** The device's side of the rings; there are some while it has a driver. */
  get rings(): readonly DeviceRing[] {
    return this.#rings.map(({ deviceSide }) => deviceSide);
  }

  get queues(): readonly Virtqueue[] {
    return this.#rings.map(({ queue }) => queue);
  }

  plug(): void {
    const { system, parent, deviceId } = this.#description;
    this.#isOver = false;
    system.scheduler.spawn('irq/loopback', undefined, this.#thread());
    this.#device = registerVirtioDevice({ system, parent, transport: this, deviceId });
  }

  *unplug(): Kernel<void> {
    yield* unregisterVirtioDevice(this.device);
    this.#device = undefined;
    this.#isOver = true;
    this.#interrupt.wake();
  }

  /** The device interrupts for a queue. */
  interrupt(queue: number): void {
    this.#description.system.clock.schedule(this.#description.latency_ns ?? 1000, 'the loopback interrupts', () => {
      this.#pending |= 1 << queue;
      this.#interrupt.wake();
    });
  }

  *#thread(): Kernel<void> {
    for (;;) {
      yield* wait(this.#interrupt, () => this.#pending !== 0 || this.#isOver, { mode: 'uninterruptible' });
      if (this.#isOver) return;
      const pending = this.#pending;
      this.#pending = 0;
      for (const [index, { queue }] of this.#rings.entries()) {
        if ((pending & (1 << index)) === 0) continue;
        this.interrupts++;
        yield* queue.interrupt();
      }
    }
  }

  getStatus(): number {
    return this.#status;
  }

  setStatus(status: number): void {
    const before = this.#status;
    this.#status = status;
    this.statuses.push(status);
    if ((status & 4) !== 0 && (before & 4) === 0) this.onReady?.();
  }

  reset(): void {
    this.#status = 0;
    this.statuses.push(0);
    this.onReset?.();
  }

  getFeatures(): bigint {
    return this.#description.features;
  }

  finalizeFeatures(device: VirtioDevice): void {
    device.features = splitRingFeatures(device.features);
    this.accepted = device.features;
  }

  findVqs(device: VirtioDevice, queues: readonly VirtqueueInfo[]): Virtqueue[] {
    const { ringSizes, align = 16 } = this.#description;
    const made = queues.map(({ name, callback }, index) => {
      const num = ringSizes[index] as number;
      const memory = this.allocateCoherent(splitRingSize(num, align));
      const { system, latency_ns = 1000 } = this.#description;
      const notify = () => {
        this.kicks[index] = (this.kicks[index] ?? 0) + 1;
        system.clock.schedule(latency_ns, 'the loopback is kicked', () => {
          if (this.#rings[index]?.memory === memory) this.onKick?.(index);
        });
        return true;
      };
      const queue = new Virtqueue({ device, index, name, num, align, memory: memory.range, notify, callback });
      const hasEventIdx = device.hasFeature(29);
      return { memory, queue, deviceSide: new DeviceRing({ memory: this.memory, address: memory.address, num, align, hasEventIdx }) };
    });
    this.#rings = made;
    return made.map(({ queue }) => queue);
  }

  delVqs(): void {
    for (const { memory } of this.#rings) memory.free();
    this.#rings = [];
  }

  get(): void {}

  set(): void {}

  allocateCoherent(size: number): CoherentBuffer {
    const { region, system } = this.#description;
    const length = Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
    const address = region.allocate(length);
    const memory = system.memory.allocate(length, 'the loopback');
    region.back(address, memory, 0);
    const free = () => {
      region.free(address);
      memory.put();
    };
    return { range: { memory, offset: 0, length: size }, address, free };
  }
}
