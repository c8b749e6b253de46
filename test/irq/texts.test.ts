import { describe, expect, test } from 'vitest';
import { isErrno } from '../../src/abi/index.ts';
import { type Board, boot } from '../../src/index.ts';
import {
  freeIrq,
  IRQ_HANDLED,
  IRQ_NONE,
  IRQF_SHARED,
  IRQF_TRIGGER_RISING,
  irqs,
  requestIrq,
  WiredController,
} from '../../src/irq/index.ts';
import { bootIrqs } from './fixture.ts';

/** The table of a PC, as 6.12 printed it; the rows of its processors are all there, and zero. */
const PC = `\
           CPU0       CPU1       \n\
  4:          2          0   IO-APIC   4-edge      ttyS0, ttyS1
  9:          0          0   IO-APIC   9-level     acpi
NMI:          0          0   Non-maskable interrupts
LOC:          0          0   Local timer interrupts
SPU:          0          0   Spurious interrupts
PMI:          0          0   Performance monitoring interrupts
IWI:          0          0   IRQ work interrupts
RTR:          0          0   APIC ICR read retries
RES:          0          0   Rescheduling interrupts
CAL:          0          0   Function call interrupts
TLB:          0          0   TLB shootdowns
TRM:          0          0   Thermal event interrupts
THR:          0          0   Threshold APIC interrupts
DFR:          0          0   Deferred Error APIC interrupts
MCE:          0          0   Machine check exceptions
MCP:          0          0   Machine check polls
ERR:          0
MIS:          0
PIN:          0          0   Posted-interrupt notification event
NPI:          0          0   Nested posted-interrupt event
PIW:          0          0   Posted-interrupt wakeup event
`;

const quiet = () => IRQ_HANDLED;

/** Two processors, two requested lines, one of them shared; four lines have interrupts. */
function bootPc() {
  const pc = bootIrqs({ cpus: 2, name: 'IO-APIC' });
  const serial = pc.intc.irq(4);
  for (const name of ['ttyS0', 'ttyS1'])
    requestIrq(pc.all, serial, { name, devId: name, handler: () => IRQ_NONE, flags: IRQF_SHARED | IRQF_TRIGGER_RISING });
  requestIrq(pc.all, pc.intc.irq(9), { name: 'acpi', handler: quiet });
  const fixed = pc.intc.irq(2);
  for (let i = 0; i < 2; i++) {
    pc.intc.line(4).pulse();
    pc.pass(10_000);
  }
  const end = () => {
    pc.run(freeIrq(pc.all, serial, 'ttyS0'));
    pc.run(freeIrq(pc.all, serial, 'ttyS1'));
    pc.run(freeIrq(pc.all, pc.intc.irq(9)));
    pc.machine.shutdown();
  };
  return { ...pc, serial, fixed, end };
}

test('/proc/interrupts', () => {
  const { cat, end } = bootPc();
  expect(cat('/proc/interrupts')).toBe(PC);
  end();
});

test('on Arm it shows how lines trigger, and the interrupts between processors', () => {
  const board: Board = { name: 'arm', description: '', cpus: 1, architecture: 'arm64', setUp() {} };
  const machine = boot(board);
  const all = irqs(machine.system);
  const gic = new WiredController(all, { name: 'GICv2', lines: 64, waitsForEnd: true });
  requestIrq(all, gic.irq(34), { name: 'mailbox', handler: quiet });
  const text = machine.fs.readFileSync('/proc/interrupts', 'latin1') as string;
  expect(text.split('\n').slice(0, 3)).toEqual([
    '           CPU0       ',
    ' 34:          0     GICv2  34 Level     mailbox',
    'IPI0:         0       Rescheduling interrupts',
  ]);
  expect(text).toMatch(/\nErr: {10}0\n$/);
  machine.system.scheduler.start('the end', undefined, freeIrq(all, 34));
  machine.shutdown();
});

describe('/proc/irq and /sys/kernel/irq', () => {
  test('folders come with the first request, and those of handlers go with them', () => {
    const { machine, all, serial, run, end } = bootPc();
    const list = (path: string) => machine.fs.readdirSync(path) as string[];
    expect(list('/proc/irq').sort()).toEqual(['4', '9', 'default_smp_affinity']);
    expect(list('/proc/irq/4').sort()).toEqual([
      'affinity_hint',
      'effective_affinity',
      'effective_affinity_list',
      'node',
      'smp_affinity',
      'smp_affinity_list',
      'spurious',
      'ttyS0',
      'ttyS1',
    ]);
    run(freeIrq(all, serial, 'ttyS0'));
    expect(list('/proc/irq/4')).not.toContain('ttyS0');
    requestIrq(all, serial, { name: 'ttyS0', devId: 'ttyS0', handler: quiet, flags: IRQF_SHARED });
    expect(list('/sys/kernel/irq').sort()).toEqual(['2', '4', '9']);
    end();
  });

  test.each([
    ['/proc/irq/default_smp_affinity', '3\n'],
    ['/proc/irq/4/smp_affinity', '3\n'],
    ['/proc/irq/4/smp_affinity_list', '0-1\n'],
    ['/proc/irq/4/affinity_hint', '0\n'],
    ['/proc/irq/4/effective_affinity', '1\n'],
    ['/proc/irq/4/effective_affinity_list', '0\n'],
    ['/proc/irq/4/node', '0\n'],
    ['/proc/irq/9/spurious', 'count 0\nunhandled 0\nlast_unhandled 0 ms\n'],
    // The machine is one second old, and a PC counts from five minutes before its boot.
    ['/proc/irq/4/spurious', 'count 2\nunhandled 2\nlast_unhandled 4294668296 ms\n'],
    ['/sys/kernel/irq/4/actions', 'ttyS0,ttyS1\n'],
    ['/sys/kernel/irq/2/actions', '\n'],
    ['/sys/kernel/irq/4/chip_name', 'IO-APIC\n'],
    ['/sys/kernel/irq/4/hwirq', '4\n'],
    ['/sys/kernel/irq/4/name', 'edge\n'],
    ['/sys/kernel/irq/9/name', 'level\n'],
    ['/sys/kernel/irq/4/per_cpu_count', '2,0\n'],
    ['/sys/kernel/irq/4/type', 'edge\n'],
    ['/sys/kernel/irq/4/wakeup', 'disabled\n'],
  ])('%s', (path, text) => {
    const { cat, end } = bootPc();
    expect(cat(path)).toBe(text);
    end();
  });

  /** As 6.12 with two processors answered. */
  const writes: readonly (readonly [string, string, string | undefined])[] = [
    ['4/smp_affinity', '2', undefined],
    ['4/smp_affinity', '0', 'EINVAL'],
    ['4/smp_affinity', 'zz', 'EINVAL'],
    ['4/smp_affinity', '', 'EINVAL'],
    ['4/smp_affinity', '100000000', 'EOVERFLOW'],
    ['4/smp_affinity', '1,1', 'EOVERFLOW'],
    ['4/smp_affinity_list', '1', undefined],
    ['4/smp_affinity_list', '0-0', undefined],
    ['4/smp_affinity_list', '0-9', 'ERANGE'],
    ['4/smp_affinity_list', 'x', 'EINVAL'],
    ['4/smp_affinity_list', '', 'EINVAL'],
    ['default_smp_affinity', '2', undefined],
    ['default_smp_affinity', '0', 'EINVAL'],
    ['default_smp_affinity', 'x', 'EINVAL'],
  ];
  test.each(writes)('%s takes "%s": %s', (name, text, code) => {
    const { machine, end } = bootPc();
    let failed: string | undefined;
    try {
      machine.fs.writeFileSync(`/proc/irq/${name}`, `${text}\n`);
    } catch (error) {
      failed = isErrno(error) ? error.code : (error as NodeJS.ErrnoException).code;
    }
    expect(failed).toBe(code);
    end();
  });

  test('interrupts go to the processor that was chosen', () => {
    const { machine, intc, pass, cat, end } = bootPc();
    machine.fs.writeFileSync('/proc/irq/4/smp_affinity_list', '1\n');
    intc.line(4).pulse();
    pass(10_000);
    expect(cat('/sys/kernel/irq/4/per_cpu_count')).toBe('2,1\n');
    expect(cat('/proc/irq/4/effective_affinity')).toBe('2\n');
    end();
  });
});
