/** kernel/irq/proc.c: /proc/irq. */
import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { FileOperations } from '../kernel/index.ts';
import { type ProcDirectory, procfs, seqOperations, single } from '../vfs/index.ts';
import { setAffinityByUser } from './affinity.ts';
import { formatList, formatMask, parseList, parseMask } from './cpumask.ts';
import type { IrqAction } from './irq-action.ts';
import type { IrqDesc } from './irq-desc.ts';
import type { Irqs } from './irqs.ts';
import { interruptLines } from './proc-interrupts.ts';

/** Jiffies of a PC began so long before its boot, so that their overflow is met early, and are 4 ms long. */
const JIFFIES_BEFORE_BOOT_MS = 300_000;
const JIFFY_MS = 4;

/** A file of one record that may be written. @param store takes the text */
function textFile(show: () => string, store: (text: string) => void): FileOperations {
  return {
    ...seqOperations(() => single(show)),
    *write(_file, from) {
      const length = from.remaining;
      const bytes = yield* from.take(Math.min(length, PAGE_SIZE));
      store(Buffer.from(bytes).toString('latin1'));
      return length;
    },
  };
}

/** The folders of a machine's interrupts, made when they are first requested. */
export class ProcIrq {
  readonly #irqs: Irqs;
  readonly #root: ProcDirectory;
  readonly #folders = new Map<IrqDesc, ProcDirectory>();

  constructor(irqs: Irqs) {
    this.#irqs = irqs;
    const { system, cpus } = irqs;
    const proc = procfs(system);
    proc.createLines('interrupts', 0o444, () => interruptLines(irqs, system.architecture));
    this.#root = proc.createDirectory('irq');
    const setDefault = (set: readonly number[]) => {
      if (set.length === 0) throw new Errno('EINVAL', 'no processor is left');
      irqs.defaultAffinity = set;
    };
    this.#root.createFile(
      'default_smp_affinity',
      0o644,
      textFile(
        () => `${formatMask(irqs.defaultAffinity, cpus)}\n`,
        (text) => setDefault(parseMask(text, cpus)),
      ),
    );
  }

  /** register_irq_proc and register_handler_proc. */
  add({ desc, name }: IrqAction): void {
    const folder = this.#folders.get(desc);
    if (folder === undefined) {
      const made = this.#root.createDirectory(`${desc.irq}`);
      made.fillWhenSeen(() => this.#fill(made, desc));
      this.#folders.set(desc, made);
    } else if (folder.isSeen) addHandler(folder, name);
  }

  /** unregister_handler_proc. */
  remove({ desc, name }: IrqAction): void {
    if (desc.actions.some((action) => action.name === name)) return;
    const folder = this.#folders.get(desc);
    if (folder?.isSeen === true) folder.remove(name);
  }

  /** unregister_irq_proc. */
  removeAll(desc: IrqDesc): void {
    if (this.#folders.delete(desc)) this.#root.remove(`${desc.irq}`);
  }

  #fill(folder: ProcDirectory, desc: IrqDesc): void {
    const { cpus } = this.#irqs;
    const write = (name: string, show: () => string, store: (text: string) => void) =>
      folder.createFile(name, 0o644, textFile(show, store));
    const read = (name: string, show: () => string) =>
      folder.createFile(
        name,
        0o444,
        seqOperations(() => single(show)),
      );
    write(
      'smp_affinity',
      () => `${formatMask(desc.pendingAffinity ?? desc.affinity, cpus)}\n`,
      (text) => setAffinityByUser(desc, parseMask(text, cpus)),
    );
    read('affinity_hint', () => `${formatMask([], cpus)}\n`);
    write(
      'smp_affinity_list',
      () => `${formatList(desc.pendingAffinity ?? desc.affinity)}\n`,
      (text) => setAffinityByUser(desc, parseList(text, cpus)),
    );
    read('node', () => '0\n');
    read('effective_affinity', () => `${formatMask([desc.effectiveCpu], cpus)}\n`);
    read('effective_affinity_list', () => `${desc.effectiveCpu}\n`);
    read('spurious', () => {
      const { lastUnhandled_ns: last } = desc;
      const jiffies_ms = last === undefined ? 0 : Math.floor(last / 1e6 / JIFFY_MS) * JIFFY_MS - JIFFIES_BEFORE_BOOT_MS;
      return `count ${desc.windowCount}\nunhandled ${desc.windowUnhandled}\nlast_unhandled ${jiffies_ms >>> 0} ms\n`;
    });
    for (const { name } of desc.actions) addHandler(folder, name);
  }
}

/** Two handlers of a name share the folder of the first. */
function addHandler(folder: ProcDirectory, name: string): void {
  if (folder.lookup(name) === undefined) folder.createDirectory(name);
}
