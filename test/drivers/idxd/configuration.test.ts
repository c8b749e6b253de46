import { afterEach, describe, expect, test } from 'vitest';
import { bootDsa } from './fixture.ts';

let end: (() => void) | undefined;
afterEach(() => end?.());

/** A device as a reset leaves it. */
function reset() {
  const setup = bootDsa({ queues: [] });
  end = () => setup.machine.shutdown();
  const configure = (over: Readonly<Record<string, string>> = {}) => {
    const values = {
      'engine0.0/group_id': '0',
      'wq0.0/group_id': '0',
      'wq0.0/mode': 'shared',
      'wq0.0/size': '16',
      'wq0.0/priority': '10',
      'wq0.0/threshold': '12',
      'wq0.0/type': 'user',
      'wq0.0/name': 'app',
      'wq0.0/driver_name': 'user',
      ...over,
    };
    for (const [path, text] of Object.entries(values)) if (text !== '') setup.store(path, `${text}\n`);
  };
  return { ...setup, configure };
}

describe('the tree of sysfs (10)', () => {
  test('a device as a reset leaves it', () => {
    const { show, fs } = reset();
    const values: Record<string, string> = {
      version: '0x100',
      max_groups: '4',
      max_work_queues: '8',
      max_engines: '4',
      max_work_queues_size: '128',
      max_batch_size: '512',
      max_transfer_size: '2147483648',
      gen_cap: '0x913f015f',
      op_cap: '00000000,00000000,00000000,00000000,00000000,00000000,00000001,003f03fd',
      errors: '00000000,00000000,00000000,00000000,00000000,00000000,00000000,00000000',
      state: 'disabled',
      cmd_status: '0',
      configurable: '1',
      pasid_enabled: '1',
      max_read_buffers: '96',
      max_tokens: '96',
      read_buffer_limit: '0',
      clients: '0',
      numa_node: '0',
      ims_size: '2048',
    };
    for (const [name, text] of Object.entries(values)) expect([name, show(`dsa0/${name}`)]).toEqual([name, `${text}\n`]);
    expect(fs.realpathSync('/sys/bus/dsa/devices/wq0.3')).toBe('/sys/devices/pci0000:6a/0000:6a:01.0/dsa0/wq0.3');
    expect(show('wq0.0/group_id')).toBe('-1\n');
    expect(show('wq0.0/type')).toBe('none\n');
    expect(show('wq0.0/name')).toBe('\n');
    expect(show('wq0.0/max_transfer_size')).toBe('2097152\n');
    expect(show('wq0.0/max_batch_size')).toBe('32\n');
    expect(show('wq0.0/enqcmds_retries')).toBe('32\n');
    expect(show('group0.0/engines')).toBe('');
    expect(show('group0.0/traffic_class_a')).toBe('1\n');
    expect(() => show('wq0.0/cdev_minor')).toThrow('ENXIO');
  });

  test('groups list their members', () => {
    const { show, configure, store } = reset();
    configure();
    store('engine0.2/group_id', '0');
    store('wq0.5/group_id', '0');
    expect(show('group0.0/engines')).toBe('engine0.0 engine0.2\n');
    expect(show('group0.0/work_queues')).toBe('wq0.0 wq0.5\n');
  });

  const wrong: [string, string, string][] = [
    ['wq0.0/group_id', '4', 'EINVAL'],
    ['wq0.0/group_id', '-2', 'EINVAL'],
    ['wq0.0/mode', 'both', 'EINVAL'],
    ['wq0.0/size', '129', 'EINVAL'],
    ['wq0.0/size', 'many', 'EINVAL'],
    ['wq0.0/priority', '16', 'EINVAL'],
    ['wq0.0/threshold', '1', 'EINVAL'],
    ['wq0.0/type', 'guest', 'EINVAL'],
    ['wq0.0/max_transfer_size', '0', 'EINVAL'],
    ['wq0.0/max_batch_size', '1024', 'EINVAL'],
    ['wq0.0/op_config', '80000000', 'EINVAL'],
    ['wq0.0/name', 'x'.repeat(1025), 'EINVAL'],
    ['engine0.0/group_id', '9', 'EINVAL'],
    ['dsa0/read_buffer_limit', '97', 'EINVAL'],
    ['group0.0/read_buffers_reserved', '97', 'EINVAL'],
    ['group0.0/use_read_buffer_limit', '1', 'EPERM'],
    ['group0.0/traffic_class_a', '3', 'EPERM'],
  ];
  test.each(wrong)('%s takes no %s: %s', (path, text, code) => {
    expect(() => reset().store(path, text)).toThrow(code);
  });

  test('limits are rounded up to a power of two, retries are capped', () => {
    const { store, show } = reset();
    store('wq0.0/max_transfer_size', '5000');
    expect(show('wq0.0/max_transfer_size')).toBe('8192\n');
    store('wq0.0/enqcmds_retries', '1000');
    expect(show('wq0.0/enqcmds_retries')).toBe('64\n');
    store('wq0.0/mode', 'dedicated');
    expect(() => show('wq0.0/enqcmds_retries')).toThrow('ENOTSUP');
    expect(() => store('wq0.0/threshold', '1')).toThrow('EINVAL');
  });
});

describe('enabling', () => {
  test('makes the node, and disabling takes it and the configuration away', () => {
    const { configure, drive, show, fs } = reset();
    configure();
    drive('idxd', 'bind', 'dsa0');
    expect(show('dsa0/state')).toBe('enabled\n');
    drive('user', 'bind', 'wq0.0');
    expect([show('wq0.0/state'), show('wq0.0/cdev_minor'), show('dsa0/cmd_status')]).toEqual(['enabled\n', '0\n', '0\n']);
    expect(fs.statSync('/dev/dsa/wq0.0').mode & 0o777).toBe(0o600);
    expect(fs.readdirSync('/sys/bus/dsa/devices')).toContain('dsa!wq0.0');
    drive('user', 'unbind', 'wq0.0');
    expect(fs.existsSync('/dev/dsa/wq0.0')).toBe(false);
    expect([show('wq0.0/type'), show('wq0.0/threshold'), show('wq0.0/size')]).toEqual(['none\n', '0\n', '16\n']);
    drive('idxd', 'unbind', 'dsa0');
    expect([show('wq0.0/size'), show('wq0.0/group_id'), show('dsa0/state')]).toEqual(['0\n', '-1\n', 'disabled\n']);
  });

  test('disabling the device disables its queues', () => {
    const { configure, drive, fs } = reset();
    configure();
    drive('idxd', 'bind', 'dsa0');
    drive('user', 'bind', 'wq0.0');
    drive('idxd', 'unbind', 'dsa0');
    expect(fs.existsSync('/dev/dsa/wq0.0')).toBe(false);
  });

  const locked: [string, string, string][] = [
    ['wq0.0/group_id', '1', 'EPERM'],
    ['wq0.0/mode', 'dedicated', 'EPERM'],
    ['wq0.0/size', '8', 'EPERM'],
    ['wq0.0/priority', '1', 'EPERM'],
    ['wq0.0/block_on_fault', '1', 'ENXIO'],
    ['wq0.0/threshold', '1', 'ENXIO'],
    ['wq0.0/type', 'none', 'EPERM'],
    ['wq0.0/name', 'other', 'EPERM'],
    ['wq0.0/driver_name', 'other', 'EPERM'],
    ['wq0.0/op_config', '1', 'EPERM'],
    ['dsa0/read_buffer_limit', '1', 'EPERM'],
    ['group0.0/read_buffers_reserved', '1', 'EPERM'],
  ];
  test.each(locked)('%s is locked then: %s is %s', (path, text, code) => {
    const { configure, drive, store } = reset();
    configure();
    drive('idxd', 'bind', 'dsa0');
    drive('user', 'bind', 'wq0.0');
    expect(() => store(path, text)).toThrow(code);
  });

  test('a device without a queue in a group is ENXIO', () => {
    const { drive, show } = reset();
    expect(() => drive('idxd', 'bind', 'dsa0')).toThrow('ENXIO');
    expect(show('dsa0/cmd_status')).toBe('0x800d0000\n');
  });

  test('what goes wrong with a queue is in cmd_status, which a write clears', () => {
    const without: [Record<string, string>, string, string][] = [
      [{ 'wq0.0/name': '' }, 'ENXIO', '0x80040000'],
      [{ 'wq0.0/threshold': '' }, 'ENXIO', '0x80060000'],
      [{ 'wq0.0/driver_name': 'dmaengine' }, 'ENODEV', '0x80200000'],
      [{ 'wq0.0/priority': '0' }, 'ENXIO', '0x23'],
    ];
    for (const [over, code, status] of without) {
      const { configure, drive, show, store, machine } = reset();
      configure(over);
      drive('idxd', 'bind', 'dsa0');
      expect(() => drive('user', 'bind', 'wq0.0')).toThrow(code);
      expect(show('dsa0/cmd_status')).toBe(`${status}\n`);
      store('dsa0/cmd_status', '1');
      expect(show('dsa0/cmd_status')).toBe('0\n');
      machine.shutdown();
      end = undefined;
    }
  });

  test('a queue of a device that is not enabled is ENXIO, one that has its driver EBUSY', () => {
    const { configure, drive } = reset();
    configure();
    expect(() => drive('user', 'bind', 'wq0.0')).toThrow('ENXIO');
    drive('idxd', 'bind', 'dsa0');
    drive('user', 'bind', 'wq0.0');
    expect(() => drive('user', 'bind', 'wq0.0')).toThrow('EBUSY');
    expect(() => drive('idxd', 'bind', 'wq0.0')).toThrow('ENODEV');
  });

  test('a group without an engine is an error of the command', () => {
    const { configure, drive, show } = reset();
    configure({ 'wq0.0/group_id': '1' });
    expect(() => drive('idxd', 'bind', 'dsa0')).toThrow('ENXIO');
    expect(show('dsa0/cmd_status')).toBe('0x15\n');
  });
});
