/** kernel/irq/irqdesc.c: /sys/kernel/irq/N. */
import type { SysfsDirectory, System } from '../kernel/index.ts';
import type { IrqDesc } from './irq-desc.ts';

/** Makes the folder of every interrupt as it is made, and takes it away. */
export class SysfsIrqs {
  readonly #root: SysfsDirectory;

  constructor(system: System) {
    this.#root = system.deviceModel.kernel.createDirectory('irq');
  }

  add(desc: IrqDesc): void {
    this.#root.createDirectory(`${desc.irq}`, (folder) => fill(folder, desc));
  }

  remove(desc: IrqDesc): void {
    this.#root.remove(`${desc.irq}`);
  }
}

function fill(folder: SysfsDirectory, desc: IrqDesc): void {
  const line = (name: string, show: () => string) => folder.createFile({ name, mode: 0o444, show: () => `${show()}\n` });
  line('per_cpu_count', () => desc.counts.join(','));
  line('chip_name', () => desc.data.chip?.name ?? '');
  line('hwirq', () => (desc.data.domain === undefined ? '' : String(desc.data.hwirq)));
  line('type', () => (desc.isLevel ? 'level' : 'edge'));
  line('wakeup', () => 'disabled');
  line('name', () => desc.flowName);
  line('actions', () => desc.actions.map((action) => action.name).join(','));
}
