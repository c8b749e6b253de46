import { describe, expect, test } from 'vitest';
import { Errno, type ErrnoName } from '../../src/abi/index.ts';
import { O_RDONLY, O_WRONLY } from '../../src/abi/uapi/index.ts';
import { type BootedMachine, boot } from '../../src/doors/boot.ts';
import { addDummyHcd } from '../../src/hardware/usb/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import {
  addUsbGadgets,
  type ControlRequest,
  controlMessage,
  USB_GADGET_DELAYED_STATUS,
  type UsbDevice,
  usbDevices,
} from '../../src/usb/index.ts';
import { addTestFunctions, type TestFunction, type TestInstance } from '../support/gadget-functions.ts';

const TOP = '/sys/kernel/config/usb_gadget';

/** A machine whose programs can make gadgets of functions that only say what is done to them. */
class Bench {
  readonly told: string[] = [];
  readonly machine: BootedMachine;
  instances: ReadonlyMap<string, TestInstance> = new Map();

  constructor({ isSuperSpeed = false } = {}) {
    this.machine = boot({
      name: 'gadgets',
      description: 'dummy_hcd and libcomposite',
      setUp: ({ system }) => {
        addDummyHcd(system, { isSuperSpeed });
        addUsbGadgets(system);
        this.instances = addTestFunctions(system, this.told);
      },
    });
  }

  /** Writes an attribute. @returns the errno's name when that fails */
  write(path: string, text: string): ErrnoName | undefined {
    const { sys } = this.machine;
    const fd = sys.open(path, O_WRONLY);
    try {
      sys.write(fd, text);
      return undefined;
    } catch (error) {
      return (error as Errno).code as ErrnoName;
    } finally {
      sys.close(fd);
    }
  }

  read(path: string): string {
    const { sys } = this.machine;
    const fd = sys.open(path, O_RDONLY);
    const text = Buffer.from(sys.read(fd, 4096)).toString('latin1');
    sys.close(fd);
    return text;
  }

  /** A gadget with one configuration and one function for each name, ready to be bound. */
  gadget(name: string, ...functions: string[]): string {
    const { sys } = this.machine;
    const top = `${TOP}/${name}`;
    sys.mkdir(top);
    sys.mkdir(`${top}/configs/c.1`);
    for (const one of functions) {
      sys.mkdir(`${top}/functions/ffs.${one}`);
      sys.symlink(`${top}/functions/ffs.${one}`, `${top}/configs/c.1/${one}`);
    }
    return top;
  }

  function(name: string): TestFunction {
    return this.instances.get(name)?.functions[0] as TestFunction;
  }

  run<T>(work: Kernel<T>): T {
    const { scheduler } = this.machine.system;
    const coroutine = scheduler.spawn('test', undefined, work);
    scheduler.runUntil(() => coroutine.outcome !== undefined, 'the test');
    if (coroutine.outcome?.ok !== true) throw coroutine.outcome?.error;
    return coroutine.outcome.value;
  }

  /** Lets the host do what it does by itself. */
  rest(): void {
    this.machine.system.scheduler.runFor(2e9);
  }

  get device(): UsbDevice | undefined {
    return usbDevices(this.machine.system).find(({ parent }) => parent !== undefined);
  }

  ask(request: ControlRequest): number {
    return this.run(controlMessage(this.device as UsbDevice, request));
  }

  /** What the device answers to a request with data to the host. */
  get(bRequestType: number, bRequest: number, wValue = 0, wIndex = 0, length = 255): number[] {
    const data = new Uint8Array(length);
    return [...data.subarray(0, this.ask({ bRequestType, bRequest, wValue, wIndex, data }))];
  }

  descriptor(type: number, index = 0, language = 0): number[] {
    return this.get(0x80, 6, (type << 8) | index, language);
  }
}

const text = (descriptor: number[]) => Buffer.from(descriptor.slice(2)).toString('utf16le');

describe('a gadget that is bound', () => {
  test('is what its folders say', () => {
    const bench = new Bench();
    const { sys } = bench.machine;
    const top = bench.gadget('g', 'a', 'b');
    for (const [name, value] of [
      ['idVendor', '0x1209'],
      ['idProduct', '0x0002'],
      ['bDeviceClass', '0xef'],
    ] as const)
      bench.write(`${top}/${name}`, value);
    sys.mkdir(`${top}/strings/0x409`);
    sys.mkdir(`${top}/strings/0x407`);
    bench.write(`${top}/strings/0x409/product`, 'a thing\n');
    bench.write(`${top}/strings/0x407/product`, Buffer.from('ein Ding für alle').toString('utf8'));
    sys.mkdir(`${top}/configs/c.1/strings/0x409`);
    bench.write(`${top}/configs/c.1/strings/0x409/configuration`, 'the only one');
    bench.write(`${top}/configs/c.1/MaxPower`, '250');
    expect(bench.write(`${top}/UDC`, 'dummy_udc.0\n')).toBeUndefined();
    expect(bench.read(`${top}/UDC`)).toBe('dummy_udc.0\n');
    bench.rest();
    expect(bench.told).toEqual(['ffs.a bind', 'ffs.b bind', 'ffs.a set_alt 0 0', 'ffs.b set_alt 1 0']);
    expect(bench.descriptor(1)).toEqual([18, 1, 0, 2, 0xef, 0, 0, 64, 0x09, 0x12, 2, 0, 0x12, 6, 1, 2, 3, 1]);
    expect(bench.descriptor(2)).toEqual([
      ...[9, 2, 27, 0, 2, 1, 4, 0x80, 125],
      ...[9, 4, 0, 0, 0, 0xff, 0, 0, 5],
      ...[9, 4, 1, 0, 0, 0xff, 0, 0, 6],
    ]);
    expect(bench.descriptor(7).slice(0, 4)).toEqual([9, 7, 27, 0]);
    expect(bench.descriptor(6)).toEqual([10, 6, 0, 2, 0xef, 0, 0, 64, 1, 0]);
    expect(bench.descriptor(3)).toEqual([6, 3, 9, 4, 7, 4]);
    const strings = [1, 2, 3, 4, 5, 6].map((id) => text(bench.descriptor(3, id, 0x409)));
    expect(strings).toEqual(['', 'a thing', '', 'the only one', 'function ffs.a', 'function ffs.b']);
    expect(text(bench.descriptor(3, 2, 0x407))).toBe('ein Ding für alle');
    for (const [id, language] of [
      [7, 0x409],
      [4, 0x407],
      [2, 0x40c],
    ] as const)
      expect(() => bench.descriptor(3, id, language)).toThrow('EPIPE');
    expect(() => bench.descriptor(2, 1)).toThrow('EPIPE');
    expect(() => bench.descriptor(15)).toThrow('EPIPE');
    expect([bench.read(`${top}/bMaxPacketSize0`), bench.read(`${top}/bcdUSB`)]).toEqual(['0x40\n', '0x0200\n']);
    expect(bench.read('/sys/class/udc/dummy_udc.0/function')).toBe('g\n');
    expect(bench.read('/sys/class/udc/dummy_udc.0/gadget/suspended')).toBe('0\n');
    bench.told.length = 0;
    expect(bench.write(`${top}/UDC`, '\n')).toBeUndefined();
    expect(bench.told).toEqual(['ffs.a disable', 'ffs.b disable', 'ffs.b unbind', 'ffs.a unbind']);
    expect(bench.read(`${top}/UDC`)).toBe('\n');
    expect(() => sys.open('/sys/class/udc/dummy_udc.0/gadget/suspended', O_RDONLY)).toThrow('ENOENT');
  });

  test('answers about configurations and interfaces', () => {
    const bench = new Bench();
    const top = bench.gadget('g', 'a');
    bench.write(`${top}/UDC`, 'dummy_udc.0');
    bench.rest();
    expect(bench.get(0x80, 8)).toEqual([1]);
    expect(bench.get(0x81, 10)).toEqual([0]);
    expect(() => bench.get(0x81, 10, 0, 1)).toThrow('EPIPE');
    expect(bench.ask({ bRequestType: 1, bRequest: 11, wValue: 0 })).toBe(0);
    // It has no get_alt.
    expect(() => bench.ask({ bRequestType: 1, bRequest: 11, wValue: 1 })).toThrow('EPIPE');
    expect(() => bench.ask({ bRequestType: 1, bRequest: 11, wIndex: 1 })).toThrow('EPIPE');
    bench.told.length = 0;
    expect(() => bench.ask({ bRequestType: 0, bRequest: 9, wValue: 5 })).toThrow('EPIPE');
    expect(bench.told).toEqual([]);
    bench.ask({ bRequestType: 0, bRequest: 9, wValue: 1 });
    expect(bench.told).toEqual(['ffs.a disable', 'ffs.a set_alt 0 0']);
    bench.ask({ bRequestType: 0, bRequest: 9 });
    expect(bench.get(0x80, 8)).toEqual([0]);
    expect(() => bench.get(0x81, 10)).toThrow('EPIPE');
    bench.told.length = 0;
    bench.function('a').refusal = new Errno('EIO');
    expect(() => bench.ask({ bRequestType: 0, bRequest: 9, wValue: 1 })).toThrow('EPIPE');
    expect(bench.told).toEqual(['ffs.a set_alt 0 0', 'ffs.a disable']);
    expect(bench.get(0x80, 8)).toEqual([0]);
  });

  test('has the host wait for functions that are not ready', () => {
    const bench = new Bench();
    const top = bench.gadget('g', 'a', 'b');
    bench.write(`${top}/UDC`, 'dummy_udc.0');
    bench.rest();
    for (const name of ['a', 'b']) bench.function(name).status = USB_GADGET_DELAYED_STATUS;
    const { scheduler } = bench.machine.system;
    const request = { bRequestType: 0, bRequest: 9, wValue: 1 };
    const asking = scheduler.spawn('test', undefined, controlMessage(bench.device as UsbDevice, request));
    const cdev = bench.function('a').config?.cdev;
    scheduler.runFor(1e6);
    expect([asking.outcome, cdev?.delayedStatus]).toEqual([undefined, 2]);
    cdev?.setupContinue();
    scheduler.runFor(1e6);
    expect(asking.outcome).toBeUndefined();
    cdev?.setupContinue();
    scheduler.runFor(1e6);
    expect(asking.outcome).toEqual({ ok: true, value: 0 });
  });

  test('hands what it does not know to the function that wants it, that has it, or to the only one', () => {
    const bench = new Bench();
    const top = bench.gadget('g', 'a', 'b');
    bench.write(`${top}/UDC`, 'dummy_udc.0');
    bench.rest();
    const asked: string[] = [];
    const answering = (name: string) => {
      const one = bench.function(name);
      one.setup = ({ bRequest }) => {
        asked.push(`${name} ${bRequest}`);
        const cdev = one.config?.cdev;
        if (cdev === undefined) return;
        cdev.request.length = 0;
        cdev.queue();
      };
      return one;
    };
    const a = answering('a');
    const b = answering('b');
    bench.ask({ bRequestType: 0x41, bRequest: 1, wIndex: 0x101 });
    expect(() => bench.ask({ bRequestType: 0x41, bRequest: 2, wIndex: 2 })).toThrow('EPIPE');
    expect(() => bench.ask({ bRequestType: 0x40, bRequest: 3 })).toThrow('EPIPE');
    a.reqMatch = ({ bRequest }, config0) => bRequest === 4 && !config0;
    bench.ask({ bRequestType: 0x40, bRequest: 4, wIndex: 1 });
    bench.ask({ bRequestType: 0, bRequest: 9 });
    expect(() => bench.ask({ bRequestType: 0x40, bRequest: 4 })).toThrow('EPIPE');
    b.reqMatch = (_request, config0) => config0;
    bench.ask({ bRequestType: 0x40, bRequest: 5 });
    expect(asked).toEqual(['b 1', 'a 4', 'b 5']);
  });

  test('tells its functions that the bus is suspended', () => {
    const bench = new Bench();
    const top = bench.gadget('g', 'a');
    bench.write(`${top}/UDC`, 'dummy_udc.0');
    bench.rest();
    const a = bench.function('a');
    a.suspend = () => void bench.told.push('suspend');
    bench.told.length = 0;
    bench.write(`${top}/UDC`, '\n');
    expect(bench.told).toEqual(['suspend', 'ffs.a disable', 'ffs.a unbind']);
  });
});

describe('at super speed', () => {
  test('there are capabilities, and functions without descriptors for it are not there', () => {
    const bench = new Bench({ isSuperSpeed: true });
    const top = bench.gadget('g', 'a');
    bench.write(`${top}/max_speed`, 'high-speed');
    bench.write(`${top}/UDC`, 'dummy_udc.0');
    bench.rest();
    expect(bench.descriptor(1).slice(2, 8)).toEqual([0x10, 2, 0, 0, 0, 64]);
    expect(bench.descriptor(15)).toEqual([5, 15, 15, 0, 1, 10, 16, 3, 0, 15, 0, 1, 1, 0xf4, 1]);
    expect(bench.get(0x81, 0)).toEqual([0, 0]);
  });
});

describe('OS descriptors and the landing page', () => {
  test('are given to who asks by the vendor codes', () => {
    const bench = new Bench();
    const { sys } = bench.machine;
    const top = bench.gadget('g', 'a');
    bench.write(`${top}/os_desc/use`, '1');
    bench.write(`${top}/os_desc/b_vendor_code`, '0xbc');
    bench.write(`${top}/os_desc/qw_sign`, 'MSFT100');
    sys.symlink(`${top}/configs/c.1`, `${top}/os_desc/c`);
    bench.write(`${top}/webusb/use`, '1');
    bench.write(`${top}/webusb/bcdVersion`, '0x0100');
    bench.write(`${top}/webusb/bVendorCode`, '0x12');
    bench.write(`${top}/webusb/landingPage`, 'https://example.com/x\n');
    bench.function('a').osDescTable = [
      {
        ifId: 0,
        extCompatId: Buffer.from('WINUSB'.padEnd(16, '\0')),
        properties: [{ type: 1, name: Buffer.from('Id\0'), data: Buffer.from('{x}\0') }],
      },
    ];
    bench.write(`${top}/UDC`, 'dummy_udc.0');
    bench.rest();
    const os = bench.descriptor(3, 0xee);
    expect([os.length, text(os.slice(0, 16)), os[16]]).toEqual([18, 'MSFT100', 0xbc]);
    const compatibility = bench.get(0xc0, 0xbc, 0, 4);
    expect(compatibility.slice(0, 18)).toEqual([40, 0, 0, 0, 0, 1, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(Buffer.from(compatibility.slice(18, 24)).toString()).toBe('WINUSB');
    expect(bench.get(0xc0, 0xbc, 0, 4, 16)).toEqual(compatibility.slice(0, 16));
    const properties = bench.get(0xc1, 0xbc, 0, 5);
    expect(properties.slice(0, 20)).toEqual([38, 0, 0, 0, 0, 1, 5, 0, 1, 0, 28, 0, 0, 0, 1, 0, 0, 0, 6, 0]);
    expect(properties.slice(20)).toEqual([...Buffer.from('Id\0', 'utf16le'), 8, 0, 0, 0, ...Buffer.from('{x}\0', 'utf16le')]);
    for (const [type, value, index] of [
      [0xc0, 0x100, 4],
      [0xc0, 0, 5],
      [0xc1, 1, 5],
      [0xc1, 0x100, 5],
    ] as const)
      expect(() => bench.get(type, 0xbc, value, index)).toThrow('EPIPE');
    const page = bench.get(0xc0, 0x12, 1, 2);
    expect([page.slice(0, 3), Buffer.from(page.slice(3)).toString()]).toEqual([[16, 3, 1], 'example.com/x']);
    expect(bench.descriptor(15).slice(0, 9)).toEqual([5, 15, 29, 0, 1, 24, 16, 5, 0]);
    expect(bench.descriptor(15).slice(25)).toEqual([0, 1, 0x12, 1]);
    expect(bench.descriptor(1).slice(2, 4)).toEqual([1, 2]);
  });
});

describe('UDC', () => {
  test.each<[string, (bench: Bench) => string]>([
    [
      'without a configuration',
      (bench) => {
        bench.machine.sys.mkdir(`${TOP}/g`);
        return `${TOP}/g`;
      },
    ],
    ['with a configuration without functions', (bench) => bench.gadget('g')],
    [
      'whose function refuses',
      (bench) => {
        const top = bench.gadget('g', 'a', 'b');
        bench.function('b').refusal = new Errno('ENODEV');
        return top;
      },
    ],
    [
      'whose languages have different numbers of strings',
      (bench) => {
        const top = bench.gadget('g', 'a');
        for (const folder of ['0x409', '0x407', '0x409/more']) bench.machine.sys.mkdir(`${top}/strings/${folder}`);
        return top;
      },
    ],
  ])('refuses a gadget %s', (_what, make) => {
    const bench = new Bench();
    const top = make(bench);
    expect(bench.write(`${top}/UDC`, 'dummy_udc.0\n')).toBe('EBUSY');
    expect([bench.read(`${top}/UDC`), bench.read('/sys/class/udc/dummy_udc.0/function')]).toEqual(['\n', '']);
    const bound = bench.told.filter((one) => one.endsWith(' bind')).length;
    const left = bench.told.filter((one) => one.endsWith(' unbind')).length;
    expect(left).toBe(Math.max(0, bound - 1));
    expect(bench.write(`${top}/UDC`, '\n')).toBe('ENODEV');
  });

  test('takes one gadget at a time, and another after it', () => {
    const bench = new Bench();
    const [g, h] = [bench.gadget('g', 'a'), bench.gadget('h', 'b')];
    expect(bench.write(`${g}/UDC`, 'dummy_udc.0')).toBeUndefined();
    expect(bench.write(`${g}/UDC`, 'dummy_udc.0')).toBe('EBUSY');
    expect(bench.write(`${h}/UDC`, 'dummy_udc.0')).toBe('EBUSY');
    expect(bench.write(`${g}/max_speed`, 'high-speed')).toBe('EINVAL');
    expect(() => bench.machine.sys.symlink(`${g}/functions/ffs.a`, `${g}/configs/c.1/again`)).toThrow('EINVAL');
    bench.machine.sys.unlink(`${g}/configs/c.1/a`);
    expect(bench.read(`${g}/UDC`)).toBe('\n');
    expect(bench.told.slice(-2)).toEqual(['ffs.a unbind', 'ffs.a free']);
    expect(bench.write(`${h}/UDC`, 'dummy_udc.0')).toBeUndefined();
  });

  test('a gadget that is taken apart in the right order leaves nothing', () => {
    const bench = new Bench();
    const { sys } = bench.machine;
    const top = bench.gadget('g', 'a');
    bench.write(`${top}/UDC`, 'dummy_udc.0');
    bench.rest();
    for (const [folder, code] of [
      ['functions/ffs.a', 'EBUSY'],
      ['configs/c.1', 'ENOTEMPTY'],
      ['functions', 'EPERM'],
    ] as const)
      expect(() => sys.rmdir(`${top}/${folder}`)).toThrow(code);
    expect(() => sys.rmdir(top)).toThrow('ENOTEMPTY');
    bench.write(`${top}/UDC`, '\n');
    sys.unlink(`${top}/configs/c.1/a`);
    for (const folder of ['configs/c.1', 'functions/ffs.a']) sys.rmdir(`${top}/${folder}`);
    sys.rmdir(top);
    bench.rest();
    expect(bench.instances.size).toBe(0);
    bench.machine.shutdown();
  });
});
