import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/index.ts';
import {
  ackParent,
  freeIrq,
  handleEdgeIrq,
  IRQ_HANDLED,
  type IrqChip,
  IrqDomain,
  type IrqDomainOps,
  levelOf,
  maskParent,
  requestIrq,
  retriggerHierarchy,
  unmaskParent,
} from '../../src/irq/index.ts';
import { bootIrqs } from './fixture.ts';

/** Three levels as a PC with remapping has: processor vectors, remapping entries, the device's own numbers. */
function bootHierarchy({ vectors = 4 } = {}) {
  const setup = bootIrqs();
  const { all } = setup;
  const log: string[] = [];
  const noting = (name: string, extra: Partial<IrqChip> = {}): IrqChip => ({
    name,
    mask: () => log.push(`${name} mask`),
    unmask: () => log.push(`${name} unmask`),
    ack: () => log.push(`${name} ack`),
    ...extra,
  });
  const active = (name: string): Pick<IrqDomainOps, 'activate' | 'deactivate'> => ({
    activate: (data) => log.push(`${name} activate ${data.hwirq}`),
    deactivate: (data) => log.push(`${name} deactivate ${data.hwirq}`),
  });
  const taken = new Set<number>();
  const apic = noting('APIC', {
    retrigger: (data) => {
      log.push(`APIC retrigger ${data.hwirq}`);
      return true;
    },
  });
  const root = new IrqDomain(all, {
    name: 'VECTOR',
    ops: {
      allocate(domain, irq, count) {
        if (taken.size + count > vectors) throw new Errno('ENOSPC', 'no vector is left');
        for (let i = irq; i < irq + count; i++) {
          taken.add(i);
          domain.setChip(i, i, apic, undefined);
        }
      },
      free(_domain, irq, count) {
        for (let i = irq; i < irq + count; i++) taken.delete(i);
      },
      ...active('VECTOR'),
    },
  });
  const passing = (name: string, first: number, chip: IrqChip, flow?: typeof handleEdgeIrq): IrqDomainOps => ({
    allocate(domain, irq, count, argument) {
      domain.allocateParent(irq, count, argument);
      for (let i = 0; i < count; i++) domain.setChip(irq + i, first + i, chip, undefined, flow, flow && 'edge');
    },
    free: (domain, irq, count) => domain.freeParent(irq, count),
    ...active(name),
  });
  const remapped = noting('INTEL-IR', { ack: ackParent, mask: maskParent, unmask: unmaskParent });
  const middle = new IrqDomain(all, { name: 'INTEL-IR-0', parent: root, ops: passing('IR', 0x10000, remapped) });
  const device = noting('IR-DEV', { ack: ackParent, retrigger: retriggerHierarchy });
  const outer = new IrqDomain(all, { name: 'IR-DEV-12', parent: middle, size: 2, ops: passing('DEV', 0, device, handleEdgeIrq) });
  return { ...setup, root, middle, outer, log, taken };
}

describe('a hierarchy', () => {
  test('an interrupt has a number and a chip on each level', () => {
    const { machine, all, root, middle, outer, taken } = bootHierarchy();
    const irq = outer.allocateIrqs(2, undefined);
    const desc = all.get(irq + 1);
    if (desc === undefined) throw new Error('there is no second interrupt');
    expect([outer, middle, root].map((domain) => levelOf(desc, domain).hwirq)).toEqual([1, 0x10001, irq + 1]);
    expect([outer.find(1), middle.find(0x10001), root.find(irq + 1)]).toEqual([irq + 1, irq + 1, irq + 1]);
    outer.freeIrqs(irq, 2);
    expect([outer, middle, root].map(({ mapped }) => mapped)).toEqual([0, 0, 0]);
    expect(taken.size).toBe(0);
    machine.shutdown();
  });

  test('is activated from the processor to the device, and back', () => {
    const { machine, all, outer, log, run } = bootHierarchy();
    const irq = outer.allocateIrqs(1, undefined);
    requestIrq(all, irq, { name: 'dev', handler: () => IRQ_HANDLED });
    outer.handle(0);
    run(freeIrq(all, irq));
    outer.freeIrqs(irq, 1);
    expect(log).toEqual([
      `VECTOR activate ${irq}`,
      'IR activate 65536',
      'DEV activate 0',
      'IR-DEV unmask',
      'APIC ack',
      'IR-DEV mask',
      'DEV deactivate 0',
      'IR deactivate 65536',
      `VECTOR deactivate ${irq}`,
    ]);
    machine.shutdown();
  });

  test('an allocation that fails anywhere leaves nothing', () => {
    const { machine, all, outer } = bootHierarchy({ vectors: 1 });
    expect(() => outer.allocateIrqs(2, undefined)).toThrow(/no vector is left/);
    expect(all.all).toEqual([]);
    const irq = outer.allocateIrqs(1, undefined);
    outer.freeIrqs(irq, 1);
    machine.shutdown();
  });

  test('an activation that fails leaves no level active', () => {
    const { machine, all, middle, log } = bootHierarchy();
    const chip: IrqChip = { name: 'LAME' };
    const lame = new IrqDomain(all, {
      name: 'LAME',
      parent: middle,
      ops: {
        allocate(domain, irq, count, argument) {
          domain.allocateParent(irq, count, argument);
          domain.setChip(irq, 0, chip, undefined, handleEdgeIrq);
        },
        free: (domain, irq, count) => domain.freeParent(irq, count),
        activate() {
          throw new Errno('EIO', 'the device does not answer');
        },
      },
    });
    const irq = lame.allocateIrqs(1, undefined);
    expect(() => requestIrq(all, irq, { name: 'dev', handler: () => IRQ_HANDLED })).toThrow(/does not answer/);
    expect(log).toEqual([`VECTOR activate ${irq}`, 'IR activate 65536', 'IR deactivate 65536', `VECTOR deactivate ${irq}`]);
    expect(all.get(irq)?.actions).toEqual([]);
    lame.freeIrqs(irq, 1);
    machine.shutdown();
  });

  test('a level towards the processor that takes no part is left out; one between others is EINVAL', () => {
    const { machine, all, root } = bootHierarchy();
    const silent = new IrqDomain(all, {
      name: 'SILENT',
      parent: root,
      ops: {
        allocate: (domain, irq, count, argument) => domain.allocateParent(irq, count, argument),
        free: (d, irq, count) => d.freeParent(irq, count),
      },
    });
    const outer = new IrqDomain(all, {
      name: 'OUTER',
      parent: silent,
      ops: {
        allocate(domain, irq, count, argument) {
          if (argument === 'with the parent') domain.allocateParent(irq, count, argument);
          domain.setChip(irq, 0, { name: 'OUTER' }, undefined, handleEdgeIrq);
        },
      },
    });
    const irq = outer.allocateIrqs(1, 'alone');
    expect(all.get(irq)?.data.parent).toBeUndefined();
    outer.freeIrqs(irq, 1);
    expect(() => outer.allocateIrqs(1, 'with the parent')).toThrow(/SILENT has no chip between/);
    expect(all.all).toEqual([]);
    machine.shutdown();
  });

  test('a number beyond the domain, a domain of no hierarchy', () => {
    const { machine, intc, outer } = bootHierarchy();
    expect(() => outer.allocateIrqs(3, undefined)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => intc.domain.allocateIrqs(1, undefined)).toThrow(expect.objectContaining({ code: 'ENOSYS' }));
    expect(() => intc.irq(32)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => outer.handle(1)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    machine.shutdown();
  });
});

test('a mapping is made once, near its own number, and can be given up', () => {
  const { machine, all, intc } = bootIrqs();
  expect([intc.irq(7), intc.irq(7), intc.irq(0), intc.irq(1)]).toEqual([7, 7, 1, 2]);
  intc.domain.disposeMapping(7);
  expect(intc.domain.find(7)).toBe(0);
  expect(all.get(7)).toBeUndefined();
  machine.shutdown();
});
