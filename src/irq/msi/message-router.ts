/** Where what devices write to the interrupt window goes: through the unit that remaps, when the machine has one, to the processors. */
import type { IrqDomain } from '../irq-domain.ts';
import type { Irqs } from '../irqs.ts';
import { isInterrupt, isRemappable, type MsiMessage, targetOf } from './message.ts';
import { RemappingUnit } from './remapping-unit.ts';
import { VectorDomain } from './vector-domain.ts';

export interface MessageRouterOptions {
  /** Of a router that there is; its own when left out. */
  readonly vectors?: VectorDomain;
  /** Whether there is a unit that remaps; yes when left out. */
  readonly remapping?: boolean;
  /** Of its table; 65536 when left out. */
  readonly irtes?: number;
}

/** The root complex of a PC, as far as interrupts are concerned. A machine has one. */
export class MessageRouter {
  readonly irqs: Irqs;
  readonly vectors: VectorDomain;
  readonly remapping: RemappingUnit | undefined;
  #direct: MessageRouter | undefined;

  constructor(irqs: Irqs, { vectors, remapping = true, irtes }: MessageRouterOptions = {}) {
    this.irqs = irqs;
    this.vectors = vectors ?? new VectorDomain(irqs);
    this.remapping = remapping ? new RemappingUnit(this.vectors, irtes === undefined ? {} : { size: irtes }) : undefined;
  }

  /** The way of devices that are not behind the unit: straight to the same vectors. */
  get withoutRemapping(): MessageRouter {
    this.#direct ??= this.remapping === undefined ? this : new MessageRouter(this.irqs, { vectors: this.vectors, remapping: false });
    return this.#direct;
  }

  /** The domain above those of devices. */
  get parent(): IrqDomain {
    return this.remapping?.domain ?? this.vectors.domain;
  }

  /** What names of devices' domains and chips begin with. */
  get prefix(): string {
    return this.remapping === undefined ? '' : 'IR-';
  }

  /**
   * A device writes. Outside the window it is memory that is written, which nothing can catch: finding `msi-to-memory`.
   *
   * @param requester bus, device and function of who writes: bus << 8 | device << 3 | function
   */
  write(requester: number, message: MsiMessage): void {
    if (!isInterrupt(message)) {
      const address = (BigInt(message.addressHi) << 32n) | BigInt(message.addressLo);
      this.irqs.system.findings.report(
        'msi-to-memory',
        `a device wrote 0x${message.data.toString(16)} to 0x${address.toString(16)} for an interrupt`,
      );
    } else if (this.remapping !== undefined) this.remapping.receive(requester, message);
    else if (!isRemappable(message)) {
      const { cpu, vector } = targetOf(message);
      if (cpu < this.irqs.cpus) this.vectors.send(cpu, vector);
    }
  }
}
