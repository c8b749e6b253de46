/** kernel/irq/proc.c, arch/x86/kernel/irq.c, arch/arm64/kernel/smp.c: the table of /proc/interrupts. */
import type { Architecture } from '../kernel/index.ts';
import type { IrqDesc } from './irq-desc.ts';
import type { Irqs } from './irqs.ts';

/** How wide numbers of interrupts are: three digits, or what the highest needs. @param limit one more than the highest number */
function precisionFor(limit: number): number {
  let precision = 3;
  for (let power = 1000; precision < 10 && power <= limit; power *= 10) precision++;
  return precision;
}

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

function deviceRow(desc: IrqDesc, architecture: Architecture, precision: number): string {
  const { chip, domain, hwirq } = desc.data;
  const number = domain === undefined ? '' : String(hwirq);
  // Only Arm shows how a line triggers.
  const trigger = architecture === 'arm64' ? ` ${(desc.isLevel ? 'Level' : 'Edge').padEnd(8)}` : '';
  const flow = desc.flowName === '' ? '' : `-${desc.flowName.padEnd(8)}`;
  const names = desc.actions.map((action) => action.name).join(', ');
  return `${String(desc.irq).padStart(precision)}: ${desc.counts.map(count).join('')} ${(chip?.name ?? 'None').padStart(8)} ${number.padStart(precision)}${trigger}${flow}  ${names}\n`;
}

function processorRows(irqs: Irqs, architecture: Architecture, precision: number): string[] {
  const label = (text: string) => `${text.padStart(precision)}: `;
  const counts = irqs.online.map(() => count(0)).join('');
  const error = (name: string) => `${label(name)}${String(irqs.errors).padStart(10)}\n`;
  if (architecture === 'arm64') {
    const rows = ARM64_IPIS.map((text, number) => `${`IPI${number}`.padStart(precision)}:${counts}      ${text}\n`);
    return [...rows, error('Err')];
  }
  const row = ([name, text]: readonly [string, string]) => `${label(name)}${counts}  ${text}\n`;
  return [...X86_ROWS.map(row), error('ERR'), `${label('MIS')}${String(0).padStart(10)}\n`, ...X86_ROWS_AFTER_ERRORS.map(row)];
}

/** Its lines: the processors, the interrupts that drivers have requested, and those of the processors themselves. */
export function interruptLines(irqs: Irqs, architecture: Architecture): string[] {
  const precision = precisionFor(irqs.limit);
  return [
    `${' '.repeat(precision + 8)}${irqs.online.map((cpu) => `CPU${String(cpu).padEnd(8)}`).join('')}\n`,
    ...irqs.all.filter((desc) => desc.actions.length > 0).map((desc) => deviceRow(desc, architecture, precision)),
    ...processorRows(irqs, architecture, precision),
  ];
}
