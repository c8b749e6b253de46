import { describe, expect, test } from 'vitest';
import {
  compatibilityMessage,
  disableIrq,
  enableIrq,
  freeIrq,
  handleOf,
  IRQ_HANDLED,
  irteBits,
  isInterrupt,
  MSI_DEFAULT_DOMAIN,
  MsiDevice,
  platformDeviceMsiInitAndAllocIrqs,
  platformMsiDomainAllocIrqs,
  platformMsiDomainFreeIrqs,
  remappableMessage,
  remappingTableText,
  requestIrq,
  targetOf,
  VECTORS_PER_CPU,
} from '../../src/irq/index.ts';
import { bootMessages, REQUESTER } from './fixture.ts';

/** Asks for a message and counts what comes. */
function listen(setup: ReturnType<typeof bootMessages>, index?: number) {
  const map = setup.device.allocate(MSI_DEFAULT_DOMAIN, index === undefined ? {} : { index });
  const heard = { ...map, count: 0 };
  requestIrq(setup.all, map.irq, {
    name: `listener-${map.index}`,
    devId: heard,
    handler: () => {
      heard.count++;
      return IRQ_HANDLED;
    },
  });
  return heard;
}

const affinity = (setup: ReturnType<typeof bootMessages>, irq: number, cpu: number) =>
  setup.machine.fs.writeFileSync(`/proc/irq/${irq}/smp_affinity_list`, `${cpu}`);

describe('formats of messages', () => {
  test.each([
    [0, 0xfee00018],
    [1, 0xfee00038],
    [0x2c, 0xfee00598],
    [0x8001, 0xfee0003c],
  ])('entry %i of the table is written to 0x%x', (handle, addressLo) => {
    expect(remappableMessage(handle)).toEqual({ addressLo, addressHi: 0, data: 0 });
    expect(handleOf({ addressLo, addressHi: 0, data: 0 })).toBe(handle);
  });

  test('processor 3, vector 0x25', () => {
    const message = { addressLo: 0xfee03000, addressHi: 0, data: 0x25 };
    expect(compatibilityMessage(3, 0x25)).toEqual(message);
    expect(targetOf(message)).toEqual({ cpu: 3, vector: 0x25 });
  });

  test('all 65536 handles come back', () => {
    for (let handle = 0; handle < 65536; handle++) expect(handleOf(remappableMessage(handle))).toBe(handle);
  });

  test('what is above 32 bits is memory', () => {
    expect(isInterrupt({ addressLo: 0xfee00000, addressHi: 1, data: 0 })).toBe(false);
  });

  test('an entry of the remapping table', () => {
    const { low, high } = irteBits({ target: { cpu: 3, vector: 0x23 }, requester: REQUESTER });
    expect([low, high]).toEqual([0x0000000300230009n, 0x0000000000046a08n]);
  });
});

describe.each([{ remapping: true }, { remapping: false }])('with $remapping', (routing) => {
  test('a device fires, and its driver hears it on the processor it asked for', () => {
    const setup = bootMessages(routing);
    const heard = listen(setup);
    affinity(setup, heard.irq, 2);
    setup.table.fire(heard.index);
    setup.pass(1e4);
    setup.table.fire(heard.index);
    setup.pass(1e7);
    expect(heard.count).toBe(2);
    // Without the table, it moves when it next comes.
    const moved = routing.remapping ? '0,0,2,0' : '1,0,1,0';
    expect(setup.cat(`/sys/kernel/irq/${heard.irq}/per_cpu_count`)).toBe(`${moved}\n`);
    expect(setup.cat(`/proc/irq/${heard.irq}/effective_affinity_list`)).toBe('2\n');
  });

  test('events before the interrupt is taken are one', () => {
    const setup = bootMessages(routing);
    const heard = listen(setup);
    for (let i = 0; i < 3; i++) setup.table.fire(heard.index);
    setup.pass(1e4);
    expect(heard.count).toBe(1);
  });

  test('a masked entry remembers', () => {
    const setup = bootMessages(routing);
    const heard = listen(setup);
    setup.table.setMask(heard.index, true);
    setup.table.fire(heard.index);
    setup.pass(1e4);
    expect(heard.count).toBe(0);
    setup.table.setMask(heard.index, false);
    setup.pass(1e4);
    expect(heard.count).toBe(1);
  });

  test('what comes while it is disabled comes when it is enabled', () => {
    const setup = bootMessages(routing);
    const heard = listen(setup);
    setup.run(disableIrq(setup.all, heard.irq));
    setup.table.fire(heard.index);
    setup.pass(1e4);
    setup.table.fire(heard.index);
    setup.pass(1e4);
    expect(heard.count).toBe(0);
    enableIrq(setup.all, heard.irq);
    setup.pass(1e4);
    expect(heard.count).toBeGreaterThanOrEqual(1);
  });

  test('a freed one is masked and empty, its place and numbers are taken again, its vector is free', () => {
    const setup = bootMessages(routing);
    const free = setup.router.vectors.matrix.allAvailable;
    const [first, second] = [listen(setup), listen(setup)];
    setup.run(freeIrq(setup.all, first.irq, first));
    setup.device.free(MSI_DEFAULT_DOMAIN, first.index);
    expect(setup.table.entry(first.index)).toMatchObject({ addressLo: 0, addressHi: 0, data: 0, isMasked: true });
    expect(setup.router.vectors.matrix.allAvailable).toBe(free - 1);
    expect(listen(setup)).toMatchObject({ index: first.index, irq: first.irq });
    expect(second.count).toBe(0);
  });

  test('a message that has been sent and whose interrupt is gone comes to nobody', () => {
    const setup = bootMessages(routing);
    const heard = listen(setup);
    setup.table.fire(heard.index);
    setup.run(freeIrq(setup.all, heard.irq, heard));
    setup.device.free(MSI_DEFAULT_DOMAIN, heard.index);
    const other = listen(setup);
    setup.pass(1e4);
    expect(heard.count).toBe(0);
    expect(other.count).toBe(0);
  });
});

describe('moves', () => {
  test('with a table the message stays, without it changes at the next interrupt', () => {
    for (const remapping of [true, false]) {
      const setup = bootMessages({ remapping });
      const heard = listen(setup);
      const before = { ...setup.table.entry(heard.index) };
      affinity(setup, heard.irq, 3);
      expect(setup.table.entry(heard.index)).toEqual(before);
      setup.table.fire(heard.index);
      setup.pass(1e4);
      const after = setup.table.entry(heard.index);
      if (remapping) expect(after).toEqual(before);
      else expect(targetOf(after).cpu).toBe(3);
      expect(heard.count).toBe(1);
    }
  });

  test('a second move before the first is over is put off, and both vectors are given back', () => {
    const setup = bootMessages();
    const free = setup.router.vectors.matrix.allAvailable;
    const heard = listen(setup);
    affinity(setup, heard.irq, 3);
    affinity(setup, heard.irq, 2);
    expect(setup.cat(`/proc/irq/${heard.irq}/smp_affinity_list`)).toBe('2\n');
    expect(setup.cat(`/proc/irq/${heard.irq}/effective_affinity_list`)).toBe('3\n');
    for (let i = 0; i < 3; i++) {
      setup.table.fire(heard.index);
      setup.pass(1e7);
    }
    expect(setup.cat(`/proc/irq/${heard.irq}/effective_affinity_list`)).toBe('2\n');
    expect(setup.router.vectors.matrix.allAvailable).toBe(free - 1);
    expect(heard.count).toBe(3);
  });
});

describe('what runs out', () => {
  test('entries of the device', () => {
    const setup = bootMessages({ entries: 2 });
    setup.device.allocateRange(MSI_DEFAULT_DOMAIN, 0, 1);
    expect(() => setup.device.allocate(MSI_DEFAULT_DOMAIN)).toThrow('EBUSY');
    expect(() => setup.device.allocate(MSI_DEFAULT_DOMAIN, { index: 2 })).toThrow('ERANGE');
    expect(() => setup.device.allocate(MSI_DEFAULT_DOMAIN, { index: 1 })).toThrow('EBUSY');
    expect(() => setup.device.allocateRange(MSI_DEFAULT_DOMAIN, 1, 0)).toThrow('EINVAL');
    expect(() => setup.device.allocate(1)).toThrow('ENODEV');
  });

  test('entries of the remapping table, and nothing is left of a range', () => {
    const setup = bootMessages({ irtes: 3 });
    expect(() => setup.device.allocateRange(MSI_DEFAULT_DOMAIN, 0, 3)).toThrow('ENOSPC');
    expect(setup.device.count(MSI_DEFAULT_DOMAIN)).toBe(0);
    setup.device.allocateRange(MSI_DEFAULT_DOMAIN, 0, 2);
  });

  test('vectors of a processor', () => {
    const setup = bootMessages({ cpus: 1, entries: 300 });
    for (let i = 0; i < VECTORS_PER_CPU - 1; i++) listen(setup);
    expect(() => listen(setup)).toThrow('ENOSPC');
  });
});

describe('what the table drops', () => {
  const forged = { addressLo: 0xfee03000, addressHi: 0, data: 0x25 };
  test.each([
    ['a message that names a vector', REQUESTER, forged, 0x25],
    ['an entry that is not present', REQUESTER, remappableMessage(7), 0x22],
    ['an entry of another device', 0x100, remappableMessage(0), 0x26],
    ['reserved bits', REQUESTER, { ...remappableMessage(0), data: 0x10000 }, 0x20],
  ] as const)('%s', (_what, requester, message, reason) => {
    const setup = bootMessages();
    const heard = listen(setup);
    setup.router.write(requester, message);
    setup.pass(1e4);
    expect(heard.count).toBe(0);
    expect(setup.router.remapping?.faults).toEqual(new Map([[reason, 1]]));
    expect(setup.cat('/proc/interrupts'), 'the unit says so by an interrupt of its own').toMatch(/ 1 .* DMAR-MSI/);
    expect(setup.machine.system.log.lines.at(-1)?.text).toMatch(
      /^DMAR: \[INTR-REMAP\] Request device \[(6a:01\.0|01:00\.0)\] fault index 0x\d \[fault reason 0x2\d\] /,
    );
  });

  test('an index beyond the table', () => {
    const setup = bootMessages({ irtes: 4 });
    for (let i = 0; i < 10; i++) setup.router.write(REQUESTER, remappableMessage(4));
    setup.pass(1e4);
    const lines = setup.machine.system.log.lines.map(({ text }) => text);
    expect(lines.filter((text) => text.includes('fault index 0x4')).length, 'as many as there are records').toBe(8);
    expect(lines.at(-9)).toBe('DMAR: DRHD: handling fault status reg 3');
    expect(setup.router.remapping?.faults.get(0x21)).toBe(10);
  });

  test('a message to address 0 is a write to memory, and a finding', () => {
    const setup = bootMessages();
    setup.table.setMask(0, false);
    setup.table.fire(0);
    expect(setup.machine.system.findings.all.map(({ rule }) => rule)).toEqual(['msi-to-memory']);
  });
});

describe('platform devices', () => {
  const write = () => {};
  const makeDevice = () => {
    const setup = bootMessages();
    return { ...setup, platform: new MsiDevice(setup.router, { name: 'arm-smmu.0', requester: 0x10 }) };
  };

  test.each([0, 2049])('%i messages are EINVAL in both generations', (count) => {
    const { platform } = makeDevice();
    expect(() => platformMsiDomainAllocIrqs(platform, count, write, 1)).toThrow('EINVAL');
    expect(() => platformDeviceMsiInitAndAllocIrqs(platform, count, write)).toThrow('EINVAL');
    expect(() => platformMsiDomainAllocIrqs(platform, 1, undefined, 1)).toThrow('EINVAL');
  });

  test('a second call is EBUSY, today ENODEV; freed, it works again', () => {
    const { platform, all } = makeDevice();
    platformMsiDomainAllocIrqs(platform, 4, write, 3);
    const irq = platform.desc(MSI_DEFAULT_DOMAIN, 2)?.irq as number;
    expect(all.get(irq)?.data.hwirq).toBe((3 << 11) | 2);
    expect(() => platformMsiDomainAllocIrqs(platform, 1, write, 3)).toThrow('EBUSY');
    platformMsiDomainFreeIrqs(platform);
    platformDeviceMsiInitAndAllocIrqs(platform, 2, write);
    expect(() => platformDeviceMsiInitAndAllocIrqs(platform, 2, write)).toThrow('ENODEV');
    platformMsiDomainFreeIrqs(platform);
  });
});

describe('texts', () => {
  test('/proc/interrupts has the chip of the device and its index', () => {
    const setup = bootMessages({ cpus: 2 });
    const heard = listen(setup);
    setup.table.fire(heard.index);
    setup.pass(1e4);
    expect(setup.cat('/proc/interrupts').split('\n').slice(0, 3)).toEqual([
      '           CPU0       CPU1       ',
      '  1:          0          0  DMAR-MSI   0-edge      dmar0',
      '  2:          0          1  IR-PCI-MSIX-0000:6a:01.0   0-edge      listener-0',
    ]);
  });

  test('debugfs shows the levels of an interrupt', () => {
    const setup = bootMessages();
    const heard = listen(setup);
    expect(setup.cat(`/sys/kernel/debug/irq/irqs/${heard.irq}`)).toMatchInlineSnapshot(`
      "handler:  handle_edge_irq
      device:   (null)
      status:   0x00000000
      istate:   0x00000000
      ddepth:   0
      wdepth:   0
      dstate:   0x1b400200
                  IRQD_ACTIVATED
                  IRQD_IRQ_STARTED
                  IRQD_SINGLE_TARGET
                  IRQD_AFFINITY_ON_ACTIVATE
                  IRQD_DEFAULT_TRIGGER_SET
                  IRQD_HANDLE_ENFORCE_IRQCTX
      node:     0
      affinity: 0-3
      effectiv: 1
      pending:  
      domain:  IR-PCI-MSIX-0000:6a:01.0-12
       hwirq:   0x0
       chip:    IR-PCI-MSIX-0000:6a:01.0
        flags:   0x20
                   IRQCHIP_ONESHOT_SAFE

        address_hi: 0x00000000
        address_lo: 0xfee00018
        msg_data:   0x00000000
       parent:
          domain:  INTEL-IR-0
           hwirq:   0x0
           chip:    INTEL-IR
            flags:   0x0
           parent:
              domain:  VECTOR
               hwirq:   0x2
               chip:    APIC
                flags:   0x0
               Vector:    32
               Target:     1
               move_in_progress: 0
               is_managed:       0
               can_reserve:      0
               has_reserved:     0
               cleanup_pending:  0
      "
    `);
    expect(setup.cat('/sys/kernel/debug/irq/domains/IR-PCI-MSIX-0000:6a:01.0-12')).toMatchInlineSnapshot(`
      "name:   IR-PCI-MSIX-0000:6a:01.0-12
       size:   0
       mapped: 1
       flags:  0x00000203
                  IRQ_DOMAIN_FLAG_HIERARCHY
                  IRQ_DOMAIN_NAME_ALLOCATED
                  IRQ_DOMAIN_FLAG_MSI_DEVICE
       parent: INTEL-IR-0
          name:   INTEL-IR-0
           size:   0
           mapped: 1
           flags:  0x00000123
                      IRQ_DOMAIN_FLAG_HIERARCHY
                      IRQ_DOMAIN_NAME_ALLOCATED
                      IRQ_DOMAIN_FLAG_ISOLATED_MSI
                      IRQ_DOMAIN_FLAG_MSI_PARENT
           parent: VECTOR
              name:   VECTOR
               size:   0
               mapped: 2
               flags:  0x00000103
                          IRQ_DOMAIN_FLAG_HIERARCHY
                          IRQ_DOMAIN_NAME_ALLOCATED
                          IRQ_DOMAIN_FLAG_MSI_PARENT
      Online bitmaps:        4
      Global available:    806
      Global reserved:       0
      Total allocated:       2
      System: 54: 0-31,128,235-255
               | CPU | avl | man | mac | act | vectors
                   0   201     0     0    1  32
                   1   201     0     0    1  32
                   2   202     0     0    0  
                   3   202     0     0    0  
      "
    `);
  });

  test('the table of the unit', () => {
    const setup = bootMessages();
    listen(setup);
    expect(remappingTableText(setup.router.remapping)).toBe(
      'Remapped Interrupt supported on IOMMU: dmar0\n' +
        ' IR table address:100000000\n' +
        ' Entry SrcID   DstID    Vct IRTE_high\t\tIRTE_low\n' +
        ' 0     6a:01.0 00000001 20  0000000000046a08\t0000000100200009\n' +
        '\n****\n\n',
    );
  });

  test('a write of "trigger" there makes the interrupt', () => {
    const setup = bootMessages();
    const heard = listen(setup);
    setup.machine.fs.writeFileSync(`/sys/kernel/debug/irq/irqs/${heard.irq}`, 'trigger\n');
    setup.machine.fs.writeFileSync(`/sys/kernel/debug/irq/irqs/${heard.irq}`, 'something');
    setup.pass(1e4);
    expect(heard.count).toBe(1);
  });
});
