import {
  O_RDWR,
  O_WRONLY,
  RPMSG_ADDR_ANY,
  RPMSG_CREATE_DEV_IOCTL,
  RPMSG_CREATE_EPT_IOCTL,
  RPMSG_RELEASE_DEV_IOCTL,
} from '../../../src/abi/uapi/index.ts';
import { registerRpmsgDriver } from '../../../src/drivers/rpmsg/index.ts';
import type { Uevent } from '../../../src/kernel/index.ts';
import { ask, bytes, describe, expect, logOf, namesIn, nodesOf, rpmsgTest, settle, shown, test } from './fixture.ts';

const BUS = '/sys/bus/rpmsg/devices';

/** A remote that only listens. */
const silent = rpmsgTest({ firmware: () => {} });
const nameless = rpmsgTest({ firmware: () => {}, features: [] });

describe('the bus', () => {
  test('shows channels under the virtio device, with their addresses', ({ sys }) => {
    settle(sys);
    expect(namesIn(sys, BUS)).toEqual(['virtio0.rpmsg-raw.-1.1024', 'virtio0.rpmsg_ctrl.0.0', 'virtio0.rpmsg_ns.53.53']);
    expect(sys.readlink(`${BUS}/virtio0.rpmsg-raw.-1.1024`)).toBe(
      '../../../devices/platform/rproc-virtio.0/virtio0/virtio0.rpmsg-raw.-1.1024',
    );
    const channel = `${BUS}/virtio0.rpmsg-raw.-1.1024`;
    const attributes = ['name', 'src', 'dst', 'announce', 'modalias', 'driver_override', 'uevent'].map((name) =>
      shown(sys, `${channel}/${name}`),
    );
    expect(attributes).toEqual([
      'rpmsg-raw',
      '0x400',
      '0x400',
      'false',
      'rpmsg:rpmsg-raw',
      '(null)',
      'DRIVER=rpmsg_chrdev\nMODALIAS=rpmsg:rpmsg-raw',
    ]);
    expect(shown(sys, `${BUS}/virtio0.rpmsg_ctrl.0.0/driver_override`)).toBe('rpmsg_ctrl');
    expect(namesIn(sys, '/sys/bus/rpmsg/drivers')).toEqual(['rpmsg_chrdev', 'rpmsg_ctrl', 'rpmsg_ns']);
  });

  test('shows nodes in the class rpmsg, where their channels are', ({ sys }) => {
    settle(sys);
    expect(namesIn(sys, '/sys/class/rpmsg')).toEqual(['rpmsg0', 'rpmsg_ctrl0']);
    expect(sys.readlink('/sys/class/rpmsg/rpmsg0')).toBe(
      '../../devices/platform/rproc-virtio.0/virtio0/virtio0.rpmsg-raw.-1.1024/rpmsg/rpmsg0',
    );
    expect(['name', 'src', 'dst'].map((name) => shown(sys, `/sys/class/rpmsg/rpmsg0/${name}`))).toEqual(['rpmsg-raw', '1024', '1024']);
  });

  rpmsgTest({ isOff: true })('has its numbers before there is a processor', ({ machine, sys }) => {
    const devices = machine.fs.readFileSync('/proc/devices', 'latin1') as string;
    const majorOf = (name: string) => Number(new RegExp(`^ *(\\d+) ${name}$`, 'm').exec(devices)?.[1]);
    // Majors are given from the highest down.
    expect(majorOf('rpmsg_char')).toBe(majorOf('rpmsg_ctrl') + 1);
    expect(nodesOf(sys)).toEqual([]);
  });

  test('tells of channels that come and go', ({ machine, sys, parts }) => {
    settle(sys);
    const events: Uevent[] = [];
    const end = machine.system.deviceModel.uevents.subscribe((event) => events.push(event));
    parts.remote.announce('other', 77);
    settle(sys);
    parts.remote.announce('other', 77, true);
    settle(sys);
    end();
    const path = '/devices/platform/rproc-virtio.0/virtio0/virtio0.other.-1.77';
    expect(events.map(({ action, path, variables }) => [action, path, variables.find(([name]) => name === 'MODALIAS')?.[1]])).toEqual([
      ['add', path, 'rpmsg:other'],
      ['remove', path, 'rpmsg:other'],
    ]);
  });

  silent('gives a channel to the driver that driver_override names', ({ sys, parts }) => {
    parts.remote.announce('other', 77);
    settle(sys);
    const channel = `${BUS}/virtio0.other.-1.77`;
    expect(nodesOf(sys)).toEqual(['rpmsg_ctrl0']);
    const override = sys.open(`${channel}/driver_override`, O_RDWR);
    sys.write(override, bytes('rpmsg_chrdev\n'));
    sys.close(override);
    expect(shown(sys, `${channel}/driver_override`)).toBe('rpmsg_chrdev');
    const bind = sys.open('/sys/bus/rpmsg/drivers/rpmsg_chrdev/bind', O_WRONLY);
    sys.write(bind, bytes('virtio0.other.-1.77'));
    sys.close(bind);
    expect(nodesOf(sys)).toEqual(['rpmsg0', 'rpmsg_ctrl0']);
    expect(shown(sys, `${channel}/src`)).toBe('0x400');
    const unbind = sys.open('/sys/bus/rpmsg/drivers/rpmsg_chrdev/unbind', O_WRONLY);
    sys.write(unbind, bytes('virtio0.other.-1.77'));
    sys.close(unbind);
    expect(nodesOf(sys)).toEqual(['rpmsg_ctrl0']);
  });

  silent('gives channels to drivers by name, and messages to their callbacks', ({ machine, sys, parts }) => {
    const got: [string, number][] = [];
    const remove = registerRpmsgDriver(machine.system, {
      name: 'sample',
      idTable: ['sample'],
      callback: (_endpoint, data, source) => void got.push([String.fromCharCode(...data), source]),
      *probe({ endpoint, transport, dst }) {
        if (endpoint !== undefined) yield* transport.send(endpoint, bytes('hello'), dst);
      },
    });
    const heard: string[] = [];
    parts.remote.createEndpoint(77, (data, source) => {
      heard.push(String.fromCharCode(...data));
      parts.remote.send(77, source, bytes('and you'));
    });
    parts.remote.announce('sample', 77);
    settle(sys);
    expect(heard).toEqual(['hello']);
    expect(got).toEqual([['and you', 77]]);
    remove();
  });
});

describe('announcements of the remote', () => {
  test('are refused for a channel that there is, and for one that there is not', ({ machine, sys, parts }) => {
    settle(sys);
    parts.remote.announce('rpmsg-raw', 1024);
    parts.remote.announce('nobody', 5, true);
    settle(sys);
    expect(logOf(machine).slice(2)).toEqual([
      'virtio_rpmsg_bus virtio0: creating channel rpmsg-raw addr 0x400',
      'virtio_rpmsg_bus virtio0: channel rpmsg-raw:ffffffff:400 already exist',
      'virtio_rpmsg_bus virtio0: rpmsg_create_channel failed',
      'virtio_rpmsg_bus virtio0: destroying channel nobody addr 0x5',
      'virtio_rpmsg_bus virtio0: rpmsg_destroy_channel failed: -22',
    ]);
  });

  silent('of another length are ignored, and names end at the 31st character', ({ machine, sys, parts }) => {
    parts.remote.send(9, 53, new Uint8Array(41));
    const long = new Uint8Array(40).fill(0x61, 0, 32);
    long[32] = 7;
    parts.remote.send(9, 53, long);
    settle(sys);
    expect(logOf(machine).slice(1)).toEqual([
      'virtio_rpmsg_bus virtio0: malformed ns msg (41)',
      `virtio_rpmsg_bus virtio0: creating channel ${'a'.repeat(31)} addr 0x7`,
    ]);
    expect(namesIn(sys, BUS)).toContain(`virtio0.${'a'.repeat(31)}.-1.7`);
  });

  silent('that would end the name service are a finding', ({ machine, sys, parts }) => {
    machine.system.findings.expect('rpmsg-ends-itself');
    parts.remote.announce('rpmsg_ns', 53, true);
    settle(sys);
    expect(machine.system.findings.all.map(({ rule }) => rule)).toEqual(['rpmsg-ends-itself']);
    parts.remote.announce('other', 77);
    settle(sys);
    expect(namesIn(sys, BUS)).toContain('virtio0.other.-1.77');
  });

  nameless('are not heard without the feature', ({ machine, sys, parts }) => {
    parts.remote.announce('rpmsg-raw', 1024);
    settle(sys);
    expect(namesIn(sys, BUS)).toEqual(['virtio0.rpmsg_ctrl.0.0']);
    expect(logOf(machine)).toContain('virtio_rpmsg_bus virtio0: msg received with no recipient');
  });
});

describe('channels that programs make', () => {
  silent('are announced to the remote when their address is fixed', ({ sys, parts }) => {
    const announced: unknown[] = [];
    parts.remote.onAnnouncement = (...told) => announced.push(told);
    const control = sys.open('/dev/rpmsg_ctrl0', O_RDWR);
    sys.ioctl(control, RPMSG_CREATE_DEV_IOCTL, { name: 'rpmsg-raw', src: 60, dst: RPMSG_ADDR_ANY });
    sys.ioctl(control, RPMSG_CREATE_DEV_IOCTL, { name: 'rpmsg-raw', src: RPMSG_ADDR_ANY, dst: 99 });
    expect(shown(sys, `${BUS}/virtio0.rpmsg-raw.60.-1/announce`)).toBe('true');
    expect(shown(sys, `${BUS}/virtio0.rpmsg-raw.-1.99/announce`)).toBe('false');
    sys.ioctl(control, RPMSG_RELEASE_DEV_IOCTL, { name: 'rpmsg-raw', src: 60, dst: RPMSG_ADDR_ANY });
    sys.close(control);
    settle(sys);
    expect(announced).toEqual([
      ['rpmsg-raw', 60, false],
      ['rpmsg-raw', 60, true],
    ]);
    expect(nodesOf(sys)).toEqual(['rpmsg1', 'rpmsg_ctrl0']);
  });

  silent('are there once, and are released once', ({ machine, sys }) => {
    const control = sys.open('/dev/rpmsg_ctrl0', O_RDWR);
    const channel = { name: 'one', src: RPMSG_ADDR_ANY, dst: 5 };
    expect(sys.ioctl(control, RPMSG_CREATE_DEV_IOCTL, channel)).toBe(0);
    expect(ask(() => sys.ioctl(control, RPMSG_CREATE_DEV_IOCTL, channel))).toBe('ENXIO');
    // Any source and destination fit one that there is.
    expect(ask(() => sys.ioctl(control, RPMSG_CREATE_DEV_IOCTL, { ...channel, dst: RPMSG_ADDR_ANY }))).toBe('ENXIO');
    expect(sys.ioctl(control, RPMSG_CREATE_DEV_IOCTL, { ...channel, dst: 6 })).toBe(0);
    expect(sys.ioctl(control, RPMSG_RELEASE_DEV_IOCTL, channel)).toBe(0);
    expect(ask(() => sys.ioctl(control, RPMSG_RELEASE_DEV_IOCTL, channel))).toBe('EINVAL');
    expect(logOf(machine).slice(1)).toEqual([
      'virtio_rpmsg_bus virtio0: channel one:ffffffff:5 already exist',
      'rpmsg rpmsg_ctrl0: failed to create one channel',
      'virtio_rpmsg_bus virtio0: channel one:ffffffff:ffffffff already exist',
      'rpmsg rpmsg_ctrl0: failed to create one channel',
      'rpmsg rpmsg_ctrl0: failed to release one channel (-22)',
    ]);
    sys.close(control);
  });

  silent('stay without a driver when their address is taken', ({ machine, sys }) => {
    const control = sys.open('/dev/rpmsg_ctrl0', O_RDWR);
    expect(sys.ioctl(control, RPMSG_CREATE_DEV_IOCTL, { name: 'rpmsg-raw', src: 53, dst: 1 })).toBe(0);
    expect(nodesOf(sys)).toEqual(['rpmsg_ctrl0']);
    expect(logOf(machine).slice(1, 3)).toEqual([
      'rpmsg_chrdev virtio0.rpmsg-raw.53.1: idr_alloc failed: -28',
      'rpmsg_chrdev virtio0.rpmsg-raw.53.1: failed to create endpoint',
    ]);
    sys.close(control);
  });

  test('requests copy their argument before anything else, and are EINVAL when nobody knows them', ({ machine, sys }) => {
    const control = sys.open('/dev/rpmsg_ctrl0', O_RDWR);
    expect(ask(() => sys.ioctl(control, 0x1234, 0))).toBe('EFAULT');
    expect(ask(() => sys.ioctl(control, RPMSG_CREATE_EPT_IOCTL.number, 0))).toBe('EFAULT');
    const memory = sys.allocate(4096);
    expect(ask(() => sys.ioctl(control, 0x1234, memory.address))).toBe('EINVAL');
    expect(ask(() => sys.read(control, 1))).toBe('EINVAL');
    expect(ask(() => sys.write(control, bytes('x')))).toBe('EINVAL');
    sys.free(memory);
    machine.system.findings.expect('rpmsg-ends-itself');
    expect(ask(() => sys.ioctl(control, RPMSG_RELEASE_DEV_IOCTL, { name: 'rpmsg_ctrl', src: 0, dst: 0 }))).toBe('EDEADLK');
    sys.close(control);
  });
});
