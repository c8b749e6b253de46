/** kernel/irq/proc.c, arch/x86/kernel/irq.c, arch/arm64/kernel/smp.c: the table of /proc/interrupts. */
import type { Architecture } from '../kernel/index.ts';
import type { IrqDesc } from './irq-desc.ts';
import type { Irqs } from './irqs.ts';

/** Widest number of an interrupt. */
const PRECISION = 3;

/** Interrupts of the processors themselves, which no device makes and the machine has none of. */
const X86_ROWS: readonly (readonly [string, string])[] = [
  ['NMI', 'Non-maskable interrupts'],
  ['LOC', 'Local timer interrupts'],
  ['SPU', 'Spurious interrupts'],
  ['PMI', 'Performance monitoring interrupts'],
  ['IWI', 'IRQ work interrupts'],
  ['RTR', 'APIC ICR read retries'],
  ['RES', 'Rescheduling interrupts'],
  ['CAL', 'Function call interrupts'],
  ['TLB', 'TLB shootdowns'],
  ['TRM', 'Thermal event interrupts'],
  ['THR', 'Threshold APIC interrupts'],
  ['DFR', 'Deferred Error APIC interrupts'],
  ['MCE', 'Machine check exceptions'],
  ['MCP', 'Machine check polls'],
];
const X86_ROWS_AFTER_ERRORS: readonly (readonly [string, string])[] = [
  ['PIN', 'Posted-interrupt notification event'],
  ['NPI', 'Nested posted-interrupt event'],
  ['PIW', 'Posted-interrupt wakeup event'],
];
const ARM64_IPIS = [
  'Rescheduling interrupts',
  'Function call interrupts',
  'CPU stop interrupts',
  'CPU stop NMIs',
  'Timer broadcast interrupts',
  'IRQ work interrupts',
  'CPU backtrace interrupts',
  'KGDB roundup interrupts',
];

const count = (value: number) => `${String(value).padStart(10)} `;
const label = (text: string | number) => `${String(text).padStart(PRECISION)}: `;

function deviceRow(desc: IrqDesc, architecture: Architecture): string {
  const { chip, domain, hwirq } = desc.data;
  const number = domain === undefined ? '' : String(hwirq);
  // Only Arm shows how a line triggers.
  const trigger = architecture === 'arm64' ? ` ${(desc.isLevel ? 'Level' : 'Edge').padEnd(8)}` : '';
  const flow = desc.flowName === '' ? '' : `-${desc.flowName.padEnd(8)}`;
  const names = desc.actions.map((action) => action.name).join(', ');
  return `${label(desc.irq)}${desc.counts.map(count).join('')} ${(chip?.name ?? 'None').padStart(8)} ${number.padStart(PRECISION)}${trigger}${flow}  ${names}\n`;
}

function processorRows(irqs: Irqs, architecture: Architecture): string[] {
  const counts = irqs.online.map(() => count(0)).join('');
  const error = (name: string) => `${label(name)}${String(irqs.errors).padStart(10)}\n`;
  if (architecture === 'arm64') {
    const rows = ARM64_IPIS.map((text, number) => `IPI${number}:${counts}      ${text}\n`);
    return [...rows, error('Err')];
  }
  const row = ([name, text]: readonly [string, string]) => `${label(name)}${counts}  ${text}\n`;
  return [...X86_ROWS.map(row), error('ERR'), `${label('MIS')}${String(0).padStart(10)}\n`, ...X86_ROWS_AFTER_ERRORS.map(row)];
}

/** Its lines: the processors, the interrupts that drivers have requested, and those of the processors themselves. */
export function interruptLines(irqs: Irqs, architecture: Architecture): string[] {
  return [
    `${' '.repeat(PRECISION + 8)}${irqs.online.map((cpu) => `CPU${String(cpu).padEnd(8)}`).join('')}\n`,
    ...irqs.all.filter((desc) => desc.actions.length > 0).map((desc) => deviceRow(desc, architecture)),
    ...processorRows(irqs, architecture),
  ];
}
