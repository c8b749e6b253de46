/** An interrupt controller with lines, and its driver: what a GIC's shared inputs or an IO-APIC are to the devices behind them. */
import { Errno } from '../abi/index.ts';
import type { ScheduledEvent } from '../kernel/index.ts';
import { IRQ_TYPE_EDGE_FALLING, IRQ_TYPE_EDGE_RISING, IRQ_TYPE_LEVEL_HIGH, IRQ_TYPE_LEVEL_LOW, IRQ_TYPE_LEVEL_MASK } from './flags.ts';
import { handleEdgeIrq, handleFasteoiIrq, handleLevelIrq } from './flow.ts';
import type { IrqChip } from './irq-chip.ts';
import type { IrqData } from './irq-data.ts';
import { IrqDomain } from './irq-domain.ts';
import type { IrqLine } from './irq-line.ts';
import type { Irqs } from './irqs.ts';

export interface WiredControllerDescription {
  /** Of the chip, as /proc/interrupts shows it. */
  readonly name: string;
  /** How many inputs. */
  readonly lines: number;
  /** Whether it holds a line back until the end of its interrupt, as a GIC does: there is one flow for edges and levels then. */
  readonly waitsForEnd?: boolean;
  /** From a line to the processor, in virtual nanoseconds; 1000 when left out. */
  readonly latency_ns?: number;
  /** How its lines trigger until a request says otherwise: one of IRQ_TYPE_; a high level when left out. */
  readonly trigger?: number;
}

const DEFAULT_LATENCY_NS = 1000;

/**
 * One input.
 *
 * Invariant: `event` is pending exactly while the line asks for an interrupt that is neither masked nor held back.
 */
class Input implements IrqLine {
  readonly #controller: WiredController;
  readonly #hwirq: number;
  trigger: number;
  isHigh = false;
  isMasked = true;
  /** An edge was seen that nobody has taken. */
  isLatched = false;
  /** Taken, and its end not yet told. */
  isActive = false;
  event: ScheduledEvent | undefined;

  constructor(controller: WiredController, hwirq: number, trigger: number) {
    this.#controller = controller;
    this.#hwirq = hwirq;
    this.trigger = trigger;
  }

  raise(): void {
    if (this.isHigh) return;
    this.isHigh = true;
    if ((this.trigger & IRQ_TYPE_EDGE_RISING) !== 0) this.isLatched = true;
    this.update();
  }

  lower(): void {
    if (!this.isHigh) return;
    this.isHigh = false;
    if ((this.trigger & IRQ_TYPE_EDGE_FALLING) !== 0) this.isLatched = true;
    this.update();
  }

  pulse(): void {
    this.raise();
    this.lower();
  }

  get isAsking(): boolean {
    if ((this.trigger & IRQ_TYPE_LEVEL_HIGH) !== 0) return this.isHigh;
    if ((this.trigger & IRQ_TYPE_LEVEL_LOW) !== 0) return !this.isHigh;
    return this.isLatched;
  }

  /** After any change: sets an interrupt on its way, or takes it back. */
  update(): void {
    const isDue = this.isAsking && !this.isMasked && !this.isActive;
    if (isDue && this.event === undefined) {
      const { clock } = this.#controller.domain.irqs.system;
      this.event = clock.schedule(this.#controller.latency_ns, `interrupt ${this.#hwirq} of ${this.#controller.name}`, () =>
        this.#deliver(),
      );
    } else if (!isDue && this.event !== undefined) {
      this.event.cancel();
      this.event = undefined;
    }
  }

  #deliver(): void {
    this.event = undefined;
    this.isActive = this.#controller.waitsForEnd;
    this.isLatched = false;
    this.#controller.domain.handle(this.#hwirq);
    this.update();
  }
}

/** Makes its lines for hardware and its interrupts for drivers. */
export class WiredController {
  readonly name: string;
  readonly domain: IrqDomain;
  readonly latency_ns: number;
  readonly waitsForEnd: boolean;
  readonly #inputs: Input[];
  readonly #chip: IrqChip;

  constructor(irqs: Irqs, description: WiredControllerDescription) {
    const { name, lines, waitsForEnd = false, latency_ns = DEFAULT_LATENCY_NS, trigger = IRQ_TYPE_LEVEL_HIGH } = description;
    this.name = name;
    this.latency_ns = latency_ns;
    this.waitsForEnd = waitsForEnd;
    this.#inputs = Array.from({ length: lines }, (_, hwirq) => new Input(this, hwirq, trigger));
    this.#chip = this.#makeChip();
    this.domain = new IrqDomain(irqs, {
      name,
      size: lines,
      ops: {
        map: (desc, hwirq) => {
          this.domain.setChip(desc.irq, hwirq, this.#chip, undefined);
          desc.trigger = this.#input(desc.data).trigger;
          this.#setFlow(desc.data);
        },
      },
    });
  }

  /** What a device's output is soldered to. @param hwirq which input */
  line(hwirq: number): IrqLine {
    const input = this.#inputs[hwirq];
    if (input === undefined) throw new RangeError(`${this.name} has ${this.#inputs.length} lines, none is ${hwirq}`);
    return input;
  }

  /** The number by which drivers request an input. */
  irq(hwirq: number): number {
    return this.domain.createMapping(hwirq);
  }

  #input(data: IrqData): Input {
    return this.#inputs[data.hwirq] as Input;
  }

  #setFlow(data: IrqData): void {
    const desc = this.domain.irqs.get(data.irq);
    if (desc === undefined) return;
    const isLevel = (this.#input(data).trigger & IRQ_TYPE_LEVEL_MASK) !== 0;
    if (this.waitsForEnd) desc.flow = handleFasteoiIrq;
    else {
      desc.flow = isLevel ? handleLevelIrq : handleEdgeIrq;
      desc.flowName = isLevel ? 'level' : 'edge';
    }
  }

  #makeChip(): IrqChip {
    const change = (act: (input: Input) => void) => (data: IrqData) => {
      const input = this.#input(data);
      act(input);
      input.update();
    };
    return {
      name: this.name,
      mask: change((input) => {
        input.isMasked = true;
      }),
      unmask: change((input) => {
        input.isMasked = false;
      }),
      ack: () => {},
      eoi: change((input) => {
        input.isActive = false;
      }),
      setType: (data, type) => {
        const isEdge = (type & ~(IRQ_TYPE_EDGE_RISING | IRQ_TYPE_EDGE_FALLING)) === 0;
        if (!isEdge && type !== IRQ_TYPE_LEVEL_HIGH && type !== IRQ_TYPE_LEVEL_LOW)
          throw new Errno('EINVAL', `${this.name} cannot trigger by type ${type}`);
        const input = this.#input(data);
        input.trigger = type;
        input.isLatched = false;
        this.#setFlow(data);
        input.update();
      },
      setAffinity: (_data, cpus) => cpus[0] as number,
      retrigger: (data) => {
        const input = this.#input(data);
        input.isLatched = true;
        input.update();
        return true;
      },
    };
  }
}
