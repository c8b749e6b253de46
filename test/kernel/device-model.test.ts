import { describe, expect, it } from 'vitest';
import { Errno } from '../../src/abi/index.ts';
import { makedev, sleep } from '../../src/kernel/index.ts';
import { Fixture } from '../vfs/fixture.ts';

function setUp() {
  const fixture = new Fixture();
  const { system } = fixture.machine;
  const { deviceModel: model, scheduler } = system;
  const text = (path: string) => {
    const fd = fixture.sys.open(path);
    const content = Buffer.from(fixture.sys.read(fd, 4096)).toString();
    fixture.sys.close(fd);
    return content;
  };
  const names = (path: string) => {
    const fd = fixture.sys.open(path);
    const found = fixture.sys.getdents(fd).map(({ name }) => name);
    fixture.sys.close(fd);
    return found.slice(2).sort();
  };
  return { fixture, sys: fixture.sys, system, model, scheduler, text, names };
}

describe('a device of a class', () => {
  it('lies below its parent, in a folder of its class that goes with the last', () => {
    const { model, names, sys } = setUp();
    const port = model.class('port');
    const parent = model.register({ name: 'soc', bus: model.addBus({ name: 'soc' }) });
    const first = model.register({ name: 'port0', class: port, parent });
    const second = model.register({ name: 'port1', class: port, parent });
    expect(first.path).toBe('/devices/soc/port/port0');
    expect(sys.readlink('/sys/class/port/port1')).toBe('../../devices/soc/port/port1');
    expect(sys.readlink('/sys/class/port/port1/device')).toBe('../../../soc');
    first.unregister();
    expect(names('/sys/devices/soc/port')).toEqual(['port1']);
    second.unregister();
    expect(names('/sys/devices/soc')).toEqual(['power', 'subsystem', 'uevent']);
    expect(names('/sys/class/port')).toEqual([]);
  });

  it('below another one of a class needs no such folder', () => {
    const { model } = setUp();
    const disk = model.class('disk');
    const parent = model.register({ name: 'sda', class: disk });
    expect(model.register({ name: 'sda1', class: disk, parent }).path).toBe('/devices/virtual/disk/sda/sda1');
  });

  it('is complete when its event comes, and still there when it goes', () => {
    const { model, sys, fixture } = setUp();
    const seen: string[] = [];
    model.uevents.subscribe(({ action, path, variables }) => {
      const state = fixture.errorOf(() => sys.stat(`/sys${path}/power/control`));
      const node = fixture.errorOf(() => sys.stat('/dev/widgets/one'));
      seen.push(`${action} ${state} ${node} ${variables.at(-1)?.join('=')}`);
    });
    const before = model.uevents.seqnum;
    const device = model.register({
      name: 'one',
      class: model.class('widget'),
      devt: makedev(60, 1),
      devname: 'widgets/one',
      devmode: 0o660,
    });
    expect(device.ueventVariables()).toContainEqual(['DEVMODE', '0660']);
    device.unregister();
    expect(seen).toEqual([`add ok ok SEQNUM=${before + 1}`, `remove ok ENOENT SEQNUM=${before + 2}`]);
    expect(fixture.errorOf(() => sys.stat('/sys/dev/char/60:1'))).toBe('ENOENT');
  });

  it('is refused when its name is taken, and its number stays free', () => {
    const { system, fixture } = setUp();
    const region = system.devices.allocateRegion('thing');
    const remove = system.devices.add(region, 0, 'thing0', {});
    expect(fixture.errorOf(() => system.devices.add(region, 1, 'other/thing0', {}))).toBe('EEXIST');
    remove();
    system.devices.add(region, 1, 'other/thing0', {});
    expect(system.devices.lookup(makedev(region.major, 1)).name).toBe('thing');
  });

  it('leaves nothing behind when a name in it is taken', () => {
    const { model, fixture, names } = setUp();
    const parent = model.register({ name: 'soc', bus: model.addBus({ name: 'soc' }) });
    const twice = [{ attributes: [{ name: 'x', mode: 0o444 }] }, { attributes: [{ name: 'x', mode: 0o444 }] }];
    const port = model.class('port');
    expect(fixture.errorOf(() => model.register({ name: 'p', class: port, parent, groups: twice }))).toBe('EEXIST');
    expect(names('/sys/class/port')).toEqual([]);
    model.register({ name: 'p', class: port, parent });
    // Two parents may have children of one name, a class may not.
    const other = model.register({ name: 'other', bus: model.bus('soc') as NonNullable<ReturnType<typeof model.bus>> });
    expect(fixture.errorOf(() => model.register({ name: 'p', class: port, parent: other }))).toBe('EEXIST');
    expect(names('/sys/class/port')).toEqual(['p']);
    expect(names('/sys/devices/other')).toEqual(['power', 'subsystem', 'uevent']);
  });

  it('may be of a bus instead, and have a number all the same', () => {
    const { model, system, sys, fixture } = setUp();
    const bus = model.addBus({ name: 'iio' });
    const region = system.devices.allocateRegion('iio');
    const remove = system.devices.add(region, 0, 'iio:device0', {}, undefined, { bus });
    expect(sys.readlink('/sys/bus/iio/devices/iio:device0')).toBe('../../../devices/iio:device0');
    expect(sys.readlink(`/sys/dev/char/${region.major}:0`)).toBe('../../devices/iio:device0');
    sys.close(sys.open('/dev/iio:device0'));
    remove();
    expect(fixture.errorOf(() => sys.stat('/dev/iio:device0'))).toBe('ENOENT');
  });

  it('writes a slash in its name as an exclamation mark', () => {
    const { model } = setUp();
    expect(model.register({ name: 'cciss/c0d0', class: model.class('x') }).path).toBe('/devices/virtual/x/cciss!c0d0');
  });
});

describe('a bus', () => {
  it('gives a device to the first driver that takes it', () => {
    const { model, system, text, names, sys } = setUp();
    const bus = model.addBus({ name: 'toy', match: (device, driver) => device.name.startsWith(driver.name[0] as string) });
    bus.addDriver({
      name: 'a-refusing',
      probe() {
        throw new Errno('EIO', 'broken');
      },
    });
    bus.addDriver({ name: 'a-taking', deviceGroups: [{ attributes: [{ name: 'speed', mode: 0o444, show: () => '5\n' }] }] });
    const device = model.register({ name: 'a0', bus });
    expect(device.driver?.name).toBe('a-taking');
    expect(text('/sys/bus/toy/devices/a0/speed')).toBe('5\n');
    expect(text('/sys/devices/a0/uevent')).toBe('DRIVER=a-taking\n');
    expect(names('/sys/bus/toy/drivers/a-refusing')).toEqual(['bind', 'uevent', 'unbind']);
    expect(system.log.lines.map((line) => line.text)).toContain('a-refusing a0: probe failed with EIO');
    expect(sys.readlink('/sys/devices/a0/driver')).toBe('../../bus/toy/drivers/a-taking');
  });

  it('lets a probe wait', () => {
    const { model, sys, fixture } = setUp();
    const bus = model.addBus({ name: 'toy' });
    bus.addDriver({
      name: 'slow',
      *probe() {
        yield* sleep(1e6);
      },
      deviceGroups: [{ attributes: [{ name: 'ready', mode: 0o444, show: () => '' }] }],
    });
    model.register({ name: 'd', bus });
    expect(fixture.errorOf(() => sys.stat('/sys/devices/d/ready'))).toBe('ENOENT');
    sys.nanosleep(2e6);
    expect(fixture.errorOf(() => sys.stat('/sys/devices/d/ready'))).toBe('ok');
  });

  it('takes devices from a driver that goes, and from one whose device goes', () => {
    const { model, names } = setUp();
    const bus = model.addBus({ name: 'toy' });
    const removed: string[] = [];
    const driver = { name: 'd', remove: ({ name }: { readonly name: string }) => void removed.push(name) };
    const first = model.register({ name: 'first', bus });
    const removeDriver = bus.addDriver(driver);
    const second = model.register({ name: 'second', bus });
    expect(names('/sys/bus/toy/drivers/d')).toEqual(['bind', 'first', 'second', 'uevent', 'unbind']);
    second.unregister();
    removeDriver();
    expect(removed).toEqual(['second', 'first']);
    expect(first.driver).toBeUndefined();
    expect(names('/sys/bus/toy/drivers')).toEqual([]);
    expect(names('/sys/bus/toy/devices')).toEqual(['first']);
  });

  it('waits to be told when autoprobe is off', () => {
    const { model, sys } = setUp();
    const bus = model.addBus({ name: 'toy' });
    bus.addDriver({ name: 'd' });
    sys.write(sys.open('/sys/bus/toy/drivers_autoprobe', 1), '0');
    const device = model.register({ name: 'x', bus });
    expect(device.driver).toBeUndefined();
    sys.write(sys.open('/sys/bus/toy/drivers_probe', 1), 'x\n');
    expect(device.driver?.name).toBe('d');
  });
});
