import { describe, expect, test } from 'vitest';
import { Errno, IO } from '../../../src/abi/index.ts';
import {
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  RPROC_GET_SHUTDOWN_ON_RELEASE,
  RPROC_SET_SHUTDOWN_ON_RELEASE,
} from '../../../src/abi/uapi/index.ts';
import type { RemoteprocOptions } from '../../../src/boards/index.ts';
import { boot as bootRproc, panicDelay_ms } from '../../../src/drivers/remoteproc/index.ts';
import { bootRemoteproc, errnoOf, firmwareWith, TABLE, tableOf } from './fixture.ts';

const NODE = '/dev/remoteproc0';

/** A machine with firmware that does nothing, ready to start. */
function ready(options: RemoteprocOptions = {}) {
  const machine = bootRemoteproc(options);
  if (options.isDetached !== true) machine.use(firmwareWith([]));
  return machine;
}

/** A processor that a boot loader has started, with a table where the driver looks for it. */
function attached(options: RemoteprocOptions = {}, table = tableOf([{ type: 'vdev', id: 99, vrings: [{}, {}] }])) {
  const machine = ready({ isDetached: true, ...options });
  machine.processor.bus.write(TABLE, table);
  return machine;
}

describe('sysfs (16)', () => {
  test('what is there, and how it begins', () => {
    const machine = bootRemoteproc();
    expect(
      machine
        .list('/sys/class/remoteproc/remoteproc0')
        .filter((name) => !name.startsWith('.'))
        .sort(),
    ).toEqual(['coredump', 'dev', 'device', 'firmware', 'name', 'power', 'recovery', 'state', 'subsystem', 'uevent'].sort());
    const shown = (attribute: string) => machine.read(machine.sysfs(attribute));
    expect([shown('name'), shown('state'), shown('firmware'), shown('recovery'), shown('coredump')]).toEqual([
      'm4\n',
      'offline\n',
      'rproc-m4-fw\n',
      'enabled\n',
      'disabled\n',
    ]);
    expect(machine.sys.readlink('/sys/class/remoteproc/remoteproc0')).toBe('../../devices/platform/10000000.m4/remoteproc/remoteproc0');
  });

  test('27.2 #12: two starts need two stops', () => {
    const machine = ready();
    machine.start();
    machine.start();
    machine.stop();
    expect(machine.state()).toBe('running');
    machine.stop();
    expect(machine.state()).toBe('offline');
    expect(errnoOf(() => machine.stop())).toBe('EINVAL');
  });

  test('firmware that is not there', () => {
    const machine = bootRemoteproc();
    expect(errnoOf(() => machine.start())).toBe('ENOENT');
    expect(machine.logged('Direct firmware load for rproc-m4-fw failed with error -2')).toBe(true);
    expect(machine.logged('request_firmware failed: -2')).toBe(true);
    expect(machine.logged('Boot failed: -2')).toBe(true);
  });

  test('27.2 #16: firmware is named only while it is off', () => {
    const machine = ready();
    const name = (text: string) => machine.write(machine.sysfs('firmware'), text);
    expect(name('other.elf\nrest')).toBe(14);
    expect(machine.read(machine.sysfs('firmware'))).toBe('other.elf\n');
    expect(errnoOf(() => name('\n'))).toBe('EINVAL');
    name('test.elf');
    machine.start();
    expect(errnoOf(() => name('other.elf'))).toBe('EBUSY');
    expect(machine.logged("can't change firmware while running")).toBe(true);
  });

  test.each([
    ['state', 'start\n', undefined],
    ['state', 'start', undefined],
    ['state', 'start\n\n', 'EINVAL'],
    ['state', 'sta', 'EINVAL'],
    ['state', 'Start', 'EINVAL'],
    ['state', 'detach', 'EINVAL'],
    ['recovery', 'enable', 'EINVAL'],
    ['recovery', 'disabled\n', undefined],
    ['recovery', 'recover', undefined],
    ['coredump', 'inline\n', undefined],
    ['coredump', 'in', 'EINVAL'],
  ])('%s takes %j: %s', (attribute, word, errno) => {
    const machine = ready();
    expect(errnoOf(() => machine.write(machine.sysfs(attribute), word))).toBe(errno);
  });

  test('a platform may make it read-only', () => {
    const machine = bootRemoteproc({ sysfsReadOnly: true });
    for (const attribute of ['state', 'firmware', 'recovery', 'coredump']) {
      expect(machine.sys.stat(machine.sysfs(attribute)).mode & 0o777).toBe(0o444);
      expect(errnoOf(() => machine.write(machine.sysfs(attribute), 'start'))).toBe('EACCES');
    }
  });

  test('a signal while another has the lock is EINTR for state, and EINVAL for firmware', () => {
    const machine = ready();
    expect(machine.rproc.lock.tryLock()).toBe(true);
    for (const [attribute, error] of [
      ['state', 'EINTR'],
      ['firmware', 'EINVAL'],
    ] as const) {
      const remove = machine.system.faults.add('wait:nth=1:EINTR');
      expect(errnoOf(() => machine.write(machine.sysfs(attribute), 'start'))).toBe(error);
      remove();
    }
    machine.rproc.lock.unlock();
  });
});

describe('the character device (18)', () => {
  const MINE = ready;

  test.each([
    ['start', undefined],
    ['s', undefined],
    ['sta', undefined],
    ['start\0', undefined],
    ['start\0rest', undefined],
    ['start\n', 'EINVAL'],
    ['', 'EINVAL'],
    ['startstart', 'EINVAL'],
    ['elevenbytes', 'EINVAL'],
    ['x', 'EINVAL'],
    ['stop', 'EINVAL'],
    ['d', 'EINVAL'],
  ])('27.2 #13-15: a write of %j while it is off: %s', (text, errno) => {
    const machine = MINE();
    expect(errnoOf(() => machine.write(NODE, text))).toBe(errno);
    expect(machine.state()).toBe(errno === undefined ? 'running' : 'offline');
  });

  test('sto is the shortest stop', () => {
    const machine = MINE();
    expect(machine.write(NODE, 's')).toBe(1);
    expect(machine.write(NODE, 'st')).toBe(2);
    expect(machine.rproc.power).toBe(2);
    machine.write(NODE, 'sto');
    machine.write(NODE, 'stop');
    expect(machine.state()).toBe('offline');
  });

  test('it is not read, always ready, and open as often as one likes', () => {
    const { sys } = MINE();
    const files = [sys.open(NODE, O_RDWR), sys.open(NODE, O_RDWR)] as const;
    expect(errnoOf(() => sys.read(files[0], 1))).toBe('EINVAL');
    const [polled] = sys.poll([{ fd: files[0], events: POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM }], 0);
    expect(polled).toBe(POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    expect(sys.stat(NODE).mode & 0o777).toBe(0o600);
    for (const fd of files) sys.close(fd);
  });

  test('27.2 #21: the flag is of the processor, and any close stops it', () => {
    const machine = MINE();
    const { sys } = machine;
    const [one, other] = [sys.open(NODE, O_WRONLY), sys.open(NODE, O_WRONLY)];
    expect(sys.ioctl(one, RPROC_GET_SHUTDOWN_ON_RELEASE)).toBe(0);
    sys.ioctl(one, RPROC_SET_SHUTDOWN_ON_RELEASE, 5);
    expect(sys.ioctl(other, RPROC_GET_SHUTDOWN_ON_RELEASE)).toBe(1);
    sys.write(one, 'start');
    sys.close(other);
    expect(machine.state()).toBe('offline');
    sys.write(one, 'start');
    sys.close(one);
    expect(machine.state()).toBe('offline');
    const again = sys.open(NODE, O_RDONLY);
    expect(sys.ioctl(again, RPROC_GET_SHUTDOWN_ON_RELEASE)).toBe(1);
    sys.close(again);
  });

  test('a request that it does not know is EINVAL, and bad memory EFAULT', () => {
    const { sys } = MINE();
    const fd = sys.open(NODE);
    expect(errnoOf(() => sys.ioctl(fd, IO(0xb7, 3, 'UNKNOWN')))).toBe('EINVAL');
    for (const request of [RPROC_SET_SHUTDOWN_ON_RELEASE, RPROC_GET_SHUTDOWN_ON_RELEASE])
      expect(errnoOf(() => sys.ioctl(fd, request.number, 8))).toBe('EFAULT');
    sys.close(fd);
  });

  test('its numbers', () => {
    expect(RPROC_SET_SHUTDOWN_ON_RELEASE.number >>> 0).toBe(0x4004b701);
    expect(RPROC_GET_SHUTDOWN_ON_RELEASE.number >>> 0).toBe(0x8004b702);
  });
});

describe('attaching (12)', () => {
  test('27.2 #30, #31: attached, its firmware is unknown; detached, it goes on', () => {
    const machine = attached();
    expect(machine.state()).toBe('detached');
    machine.start();
    expect(machine.state()).toBe('attached');
    expect(machine.read(machine.sysfs('firmware'))).toBe('unknown\n');
    expect(machine.processor.starts).toBe(0);
    const live = () => new DataView(machine.processor.bus.read(TABLE, 92).buffer);
    expect(live().getUint32(20 + 4 + 24, true)).toBe(0xffffffff);
    expect(live().getUint32(20 + 4 + 24 + 20 + 12, true)).toBe(1);
    machine.write(machine.sysfs('state'), 'detach');
    expect(machine.state()).toBe('detached');
    // The processor gets back the table that it had.
    expect(live().getUint32(20 + 4 + 24 + 20 + 12, true)).toBe(0);
    expect(machine.rproc.carveouts).toEqual([]);
    machine.start();
    expect(machine.state()).toBe('attached');
    machine.stop();
    expect(machine.state()).toBe('offline');
  });

  test('27.2 #30: detach of one that runs is EINVAL; stop of one that was attached is a stop', () => {
    const machine = ready();
    machine.start();
    expect(errnoOf(() => machine.write(machine.sysfs('state'), 'detach'))).toBe('EINVAL');
    const other = attached();
    other.start();
    other.start();
    other.write(other.sysfs('state'), 'detach');
    expect(other.state()).toBe('attached');
    other.write(other.sysfs('state'), 'detach');
    expect(errnoOf(() => other.write(other.sysfs('state'), 'detach'))).toBe('EINVAL');
  });

  test('a close with the flag detaches', () => {
    const machine = attached();
    const fd = machine.sys.open(NODE, O_WRONLY);
    machine.sys.ioctl(fd, RPROC_SET_SHUTDOWN_ON_RELEASE, 1);
    machine.sys.write(fd, 'start');
    expect(machine.state()).toBe('attached');
    machine.sys.close(fd);
    expect(machine.state()).toBe('detached');
  });

  test('a table that is wrong, or ends with what nobody knows', () => {
    const wrong = attached({}, tableOf([{ type: 'carveout', name: 'x', len: 1, reserved: 1 }]));
    expect(errnoOf(() => wrong.start())).toBe('EINVAL');
    expect(wrong.state()).toBe('detached');
    const vendor = attached({}, tableOf([{ type: 130, body: new Uint8Array(4) }]));
    expect(vendor.start()).toBe(1);
    expect(vendor.rproc.power).toBe(0);
  });

  test('who has no detach cannot be detached, and keeps no clean table', () => {
    const machine = attached({ ops: { detach: undefined } });
    machine.start();
    expect(machine.rproc.cleanTable).toBeUndefined();
    expect(errnoOf(() => machine.write(machine.sysfs('state'), 'detach'))).toBe('EINVAL');
    machine.stop();
  });
});

describe('what fails, and what is undone (12.1)', () => {
  const failing = (): never => {
    throw new Errno('EIO', 'the test lets it fail');
  };

  test.each([
    ['prepare', "can't prepare rproc m4: -5"],
    ['start', "can't start rproc m4: -5"],
  ] as const)('%s', (name, text) => {
    const machine = ready({ ops: { [name]: failing } });
    expect(errnoOf(() => machine.start())).toBe('EIO');
    expect(machine.logged(text)).toBe(true);
    expect(machine.state()).toBe('offline');
    expect(machine.rproc.power).toBe(0);
    expect(machine.rproc.carveouts).toEqual([]);
  });

  test.each(['firmware', 'prepare', 'alloc', 'load', 'start', 'subdevice'] as const)('the step %s', (wanted) => {
    let fails = true;
    const machine = bootRemoteproc({
      onStep(step) {
        if (fails && step === wanted) failing();
      },
    });
    machine.write(machine.sysfs('firmware'), 'echo.elf');
    // Whatever was wrong with a region, it is without memory.
    expect(errnoOf(() => machine.start())).toBe(wanted === 'alloc' ? 'ENOMEM' : 'EIO');
    expect([machine.state(), machine.rproc.power, machine.processor.isRunning]).toEqual(['offline', 0, false]);
    fails = false;
    machine.start();
    machine.pass();
    expect(machine.read(machine.debug('trace0'))).toContain('echo: serving');
  });

  test('a stop that fails leaves it running with a user, but without virtio devices', () => {
    let fails = true;
    const machine = bootRemoteproc({
      ops: {
        stop(rproc) {
          if (fails) failing();
          machine.processor.writeReset(true);
          void rproc;
        },
      },
    });
    machine.write(machine.sysfs('firmware'), 'echo.elf');
    machine.start();
    expect(machine.list('/dev')).toContain('rpmsg_ctrl0');
    expect(errnoOf(() => machine.stop())).toBe('EIO');
    expect([machine.state(), machine.rproc.power]).toEqual(['running', 1]);
    expect(machine.list('/dev')).not.toContain('rpmsg_ctrl0');
    fails = false;
    machine.stop();
  });

  test('without a stop operation there is no stop', () => {
    const machine = ready({ ops: { stop: undefined } });
    machine.start();
    expect(errnoOf(() => machine.stop())).toBe('EINVAL');
    expect(machine.state()).toBe('running');
  });

  test('subdevices: in order, and back in reverse; after a failed start as after a crash', () => {
    const done: string[] = [];
    const machine = ready();
    const add = (name: string, fails?: string) => {
      const note = (what: string) => () => {
        done.push(`${what} ${name}`);
        if (fails === what) failing();
      };
      return machine.rproc.addSubdevice({
        name,
        prepare: note('prepare'),
        start: note('start'),
        stop: (crashed) => void done.push(`stop ${name}${crashed ? ' crashed' : ''}`),
        unprepare: note('unprepare'),
      });
    };
    add('a');
    let removeB = add('b');
    machine.start();
    machine.stop();
    expect(done.splice(0)).toEqual(['prepare a', 'prepare b', 'start a', 'start b', 'stop b', 'stop a', 'unprepare b', 'unprepare a']);
    removeB();
    removeB = add('b', 'start');
    expect(errnoOf(() => machine.start())).toBe('EIO');
    expect(done.splice(0)).toEqual(['prepare a', 'prepare b', 'start a', 'start b', 'stop a crashed', 'unprepare b', 'unprepare a']);
    removeB();
    add('b', 'prepare');
    expect(errnoOf(() => machine.start())).toBe('EIO');
    expect(done.splice(0)).toEqual(['prepare a', 'prepare b', 'unprepare a']);
    expect(machine.processor.isRunning).toBe(false);
  });
});

describe('registration (19)', () => {
  test('auto boot asks for the firmware by itself, and nobody is told when that fails', () => {
    const machine = bootRemoteproc({ autoBoot: true, firmware: 'echo.elf' });
    machine.pass();
    expect(machine.state()).toBe('running');
    const other = bootRemoteproc({ autoBoot: true });
    other.pass();
    expect(other.state()).toBe('offline');
  });

  test('when it is taken away it is stopped, and cannot be started', () => {
    const machine = ready();
    machine.start();
    const held = machine.sys.open(NODE, O_WRONLY);
    const state = machine.sys.open(machine.sysfs('state'));
    machine.run(machine.remove());
    expect(machine.rproc.state).toBe('deleted');
    expect(machine.processor.isRunning).toBe(false);
    expect(errnoOf(() => machine.run(bootRproc(machine.rproc)))).toBe('ENODEV');
    expect(errnoOf(() => machine.sys.read(state, 16))).toBe('ENODEV');
    expect(errnoOf(() => machine.sys.write(held, 'start'))).toBe('ENODEV');
    expect(errnoOf(() => machine.sys.open(NODE))).toBe('ENOENT');
    for (const fd of [held, state]) machine.sys.close(fd);
  });

  test('it must be possible to start it, or to attach to it', () => {
    expect(errnoOf(() => bootRemoteproc({ ops: { start: undefined } }))).toBe('EINVAL');
    expect(errnoOf(() => bootRemoteproc({ isDetached: true, ops: { attach: undefined } }))).toBe('EINVAL');
  });

  test('in a panic those that run are asked how long they need', () => {
    const machine = ready({ ops: { panic: () => 7 } });
    expect(panicDelay_ms(machine.system)).toBe(0);
    machine.start();
    expect(panicDelay_ms(machine.system)).toBe(7);
  });
});
