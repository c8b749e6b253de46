/** kernel/irq/debugfs.c and irqdomain.c: /sys/kernel/debug/irq (7.4 and 7.5 of docs/reference/ims-dsa.md). */
import { Errno } from '../abi/index.ts';
import { PAGE_SIZE } from '../abi/uapi/index.ts';
import type { FileOperations } from '../kernel/index.ts';
import { type DebugfsDirectory, debugfs, seqOperations, single } from '../vfs/index.ts';
import { formatList } from './cpumask.ts';
import {
  IRQ_DOMAIN_FLAG_HIERARCHY,
  IRQ_DOMAIN_FLAG_ISOLATED_MSI,
  IRQ_DOMAIN_FLAG_MSI_DEVICE,
  IRQ_DOMAIN_FLAG_MSI_PARENT,
  IRQ_DOMAIN_NAME_ALLOCATED,
  IRQ_TYPE_LEVEL_MASK,
  IRQCHIP_EOI_THREADED,
  IRQCHIP_MOVE_DEFERRED,
  IRQCHIP_ONESHOT_SAFE,
} from './flags.ts';
import { handleEdgeIrq, handleFasteoiIrq, handleLevelIrq, handleSimpleIrq } from './flow.ts';
import type { IrqData } from './irq-data.ts';
import type { IrqDesc } from './irq-desc.ts';
import type { IrqDomain } from './irq-domain.ts';
import type { Irqs } from './irqs.ts';

const hex = (value: number) => value.toString(16);
const hex8 = (value: number) => `0x${hex(value).padStart(8, '0')}`;
const pad = (count: number) => ' '.repeat(count);

/** Names of the bits that are set, each on a line of its own. */
function names(bits: number, all: readonly (readonly [number, string])[], indent: number): string[] {
  return all.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => `${pad(indent)}${name}`);
}

const FLOWS = new Map([
  [handleEdgeIrq, 'handle_edge_irq'],
  [handleLevelIrq, 'handle_level_irq'],
  [handleFasteoiIrq, 'handle_fasteoi_irq'],
  [handleSimpleIrq, 'handle_simple_irq'],
]);

const CHIP_FLAGS = [
  [IRQCHIP_ONESHOT_SAFE, 'IRQCHIP_ONESHOT_SAFE'],
  [IRQCHIP_EOI_THREADED, 'IRQCHIP_EOI_THREADED'],
  [IRQCHIP_MOVE_DEFERRED, 'IRQCHIP_MOVE_DEFERRED'],
] as const;

const DOMAIN_FLAGS = [
  [IRQ_DOMAIN_FLAG_HIERARCHY, 'IRQ_DOMAIN_FLAG_HIERARCHY'],
  [IRQ_DOMAIN_NAME_ALLOCATED, 'IRQ_DOMAIN_NAME_ALLOCATED'],
  [IRQ_DOMAIN_FLAG_ISOLATED_MSI, 'IRQ_DOMAIN_FLAG_ISOLATED_MSI'],
  [IRQ_DOMAIN_FLAG_MSI_PARENT, 'IRQ_DOMAIN_FLAG_MSI_PARENT'],
  [IRQ_DOMAIN_FLAG_MSI_DEVICE, 'IRQ_DOMAIN_FLAG_MSI_DEVICE'],
] as const;

/** IRQS_ bits. */
const ISTATE = { spuriousDisabled: 1 << 1, oneshot: 1 << 5, replay: 1 << 6, pending: 1 << 9 } as const;
const ISTATE_NAMES = [
  [ISTATE.spuriousDisabled, 'IRQS_SPURIOUS_DISABLED'],
  [ISTATE.oneshot, 'IRQS_ONESHOT'],
  [ISTATE.replay, 'IRQS_REPLAY'],
  [ISTATE.pending, 'IRQS_PENDING'],
] as const;

/** IRQD_ bits, in the order in which they are shown. */
const DSTATE = [
  [1, 'IRQ_TYPE_EDGE_RISING'],
  [2, 'IRQ_TYPE_EDGE_FALLING'],
  [4, 'IRQ_TYPE_LEVEL_HIGH'],
  [8, 'IRQ_TYPE_LEVEL_LOW'],
  [1 << 13, 'IRQD_LEVEL'],
  [1 << 9, 'IRQD_ACTIVATED'],
  [1 << 22, 'IRQD_IRQ_STARTED'],
  [1 << 16, 'IRQD_IRQ_DISABLED'],
  [1 << 17, 'IRQD_IRQ_MASKED'],
  [1 << 18, 'IRQD_IRQ_INPROGRESS'],
  [1 << 24, 'IRQD_SINGLE_TARGET'],
  [1 << 8, 'IRQD_SETAFFINITY_PENDING'],
  [1 << 28, 'IRQD_AFFINITY_ON_ACTIVATE'],
  [1 << 25, 'IRQD_DEFAULT_TRIGGER_SET'],
  [1 << 27, 'IRQD_HANDLE_ENFORCE_IRQCTX'],
] as const;

/** `handle_enforce_irqctx`, single target and affinity on activation are what the root of messages gives its interrupts. */
const MESSAGE_STATE = (1 << 24) | (1 << 28) | (1 << 27) | (1 << 25);

function dstate(desc: IrqDesc): number {
  let bits = desc.trigger;
  const set = (isSet: boolean, bit: number) => {
    if (isSet) bits |= 1 << bit;
  };
  set((desc.trigger & IRQ_TYPE_LEVEL_MASK) !== 0, 13);
  set(desc.isActivated, 9);
  set(desc.isStarted, 22);
  set(desc.isDisabled, 16);
  set(desc.isMasked, 17);
  set(desc.inProgress, 18);
  set(desc.pendingAffinity !== undefined, 8);
  if (desc.data.parent !== undefined) bits |= MESSAGE_STATE;
  return bits;
}

function istate(desc: IrqDesc): number {
  return (
    (desc.isSpuriousDisabled ? ISTATE.spuriousDisabled : 0) |
    (desc.isOneshot ? ISTATE.oneshot : 0) |
    (desc.isReplayed ? ISTATE.replay : 0) |
    (desc.isPending ? ISTATE.pending : 0)
  );
}

function* levelLines(level: IrqData, indent: number): Generator<string> {
  const { domain, chip, hwirq } = level;
  yield `${pad(indent)}domain:  ${domain?.name ?? ''}`;
  yield `${pad(indent + 1)}hwirq:   0x${hex(hwirq)}`;
  if (chip === undefined) yield 'chip: None';
  else {
    yield `${pad(indent + 1)}chip:    ${chip.name}`;
    yield `${pad(indent + 2)}flags:   0x${hex(chip.flags ?? 0)}`;
    yield* names(chip.flags ?? 0, CHIP_FLAGS, indent + 13);
  }
  for (const line of chip?.debugLines?.(level) ?? []) yield line === '' ? '' : `${pad(indent + 1)}${line}`;
  if (level.parent === undefined) return;
  yield `${pad(indent + 1)}parent:`;
  yield* levelLines(level.parent, indent + 4);
}

/** irq_debug_show. */
function interruptText(desc: IrqDesc): string {
  const lines = [
    `handler:  ${desc.flow === undefined ? '' : (FLOWS.get(desc.flow) ?? '')}`,
    `device:   ${desc.deviceName ?? '(null)'}`,
    `status:   ${hex8(0)}`,
    `istate:   ${hex8(istate(desc))}`,
    ...names(istate(desc), ISTATE_NAMES, 12),
    `ddepth:   ${desc.depth}`,
    'wdepth:   0',
    `dstate:   ${hex8(dstate(desc))}`,
    ...names(dstate(desc), DSTATE, 12),
    'node:     0',
    `affinity: ${formatList(desc.affinity)}`,
    `effectiv: ${desc.isActivated ? desc.effectiveCpu : ''}`,
    `pending:  ${formatList(desc.pendingAffinity ?? [])}`,
    ...levelLines(desc.data, 0),
  ];
  return `${lines.join('\n')}\n`;
}

function* domainLines(domain: IrqDomain, indent: number): Generator<string> {
  yield `${pad(indent)}name:   ${domain.name}`;
  yield `${pad(indent + 1)}size:   ${domain.linearSize}`;
  yield `${pad(indent + 1)}mapped: ${domain.mapped}`;
  yield `${pad(indent + 1)}flags:  ${hex8(domain.flags)}`;
  yield* names(domain.flags, DOMAIN_FLAGS, indent + 12);
  yield* domain.debugLines?.(indent) ?? [];
  if (domain.parent === undefined) return;
  yield `${pad(indent + 1)}parent: ${domain.parent.name}`;
  yield* domainLines(domain.parent, indent + 4);
}

/** A write of the beginning of "trigger" makes the interrupt; other text does nothing. */
const interruptFile = (desc: IrqDesc): FileOperations => ({
  ...seqOperations(() => single(() => interruptText(desc))),
  *write(_file, from) {
    const length = from.remaining;
    const text = Buffer.from(yield* from.take(Math.min(length, PAGE_SIZE))).toString('latin1');
    if (text !== '' && 'trigger'.startsWith(text.slice(0, 7).trimEnd())) inject(desc);
    return length;
  },
});

/** irq_inject_interrupt. @throws Errno EINVAL, EBUSY */
function inject(desc: IrqDesc): void {
  if (!desc.isActivated || desc.isLevel) throw new Errno('EINVAL', `interrupt ${desc.irq} is not active, or a level`);
  if (desc.isReplayed) throw new Errno('EBUSY', `interrupt ${desc.irq} is sent again already`);
  desc.isPending = true;
  desc.resend();
}

/** The folders of interrupts and domains, for boards whose kernel is built with CONFIG_GENERIC_IRQ_DEBUGFS (Debian's is not). Once. */
export function showIrqDebugfs(irqs: Irqs): void {
  const root = debugfs(irqs.system).createDirectory('irq');
  const domains = root.createDirectory('domains');
  const interrupts = root.createDirectory('irqs');
  const addDomain = (domain: IrqDomain) => domains.createText(domain.name, 0o444, () => `${[...domainLines(domain, 0)].join('\n')}\n`);
  const addInterrupt = (desc: IrqDesc) => interrupts.createFile(`${desc.irq}`, 0o644, interruptFile(desc));
  domains.createText('default', 0o444, () => '');
  for (const domain of irqs.domains) addDomain(domain);
  for (const desc of irqs.all) addInterrupt(desc);
  follow(irqs, { domains, interrupts, addDomain, addInterrupt });
}

interface Shown {
  readonly domains: DebugfsDirectory;
  readonly interrupts: DebugfsDirectory;
  readonly addDomain: (domain: IrqDomain) => void;
  readonly addInterrupt: (desc: IrqDesc) => void;
}

function follow(irqs: Irqs, { domains, interrupts, addDomain, addInterrupt }: Shown): void {
  const { onAllocate, onFreeDesc } = irqs;
  irqs.onDomain = addDomain;
  irqs.onDomainRemoved = ({ name }) => domains.remove(name);
  irqs.onAllocate = (desc) => {
    onAllocate?.(desc);
    addInterrupt(desc);
  };
  irqs.onFreeDesc = (desc) => {
    onFreeDesc?.(desc);
    interrupts.remove(`${desc.irq}`);
  };
}
