/** wqD.Q in sysfs (10 of docs/reference/ims-dsa.md; drivers/dma/idxd/sysfs.c). */
import { Errno } from '../../abi/index.ts';
import { type Attribute, kstrtobool, sysfsStreq } from '../../kernel/index.ts';
import { dsaRegisters as regs } from '../../ports/dsa/index.ts';
import { bitmap, deny, parseBitmap, reading, signed, unsigned, writing } from './attributes.ts';
import { ENQCMDS_RETRIES_MAX } from './configuration.ts';
import type { IdxdQueue } from './idxd-device.ts';

const NAME_MAX = 1024;
const DRIVER_NAME_MAX = 128;
const PRIORITY_MAX = 15;

/** __get_sysfs_u64: not zero, and rounded up. @throws Errno EINVAL */
function powerOfTwo(text: string): number {
  const value = unsigned(text, 0);
  deny(value === 0, 'EINVAL', 'zero');
  return 2 ** Math.ceil(Math.log2(value));
}

export function queueAttributes(queue: IdxdQueue): Attribute[] {
  const { config, device } = queue;
  const { capabilities } = device;
  const configurable = () => deny(!capabilities.isConfigurable, 'EPERM', 'the device cannot be configured');
  const locked = (code: 'EPERM' | 'ENXIO' = 'EPERM') => deny(queue.isEnabled, code, `${queue.name} is enabled`);
  const words = (name: 'name' | 'driverName', max: number) => (text: string) => {
    locked();
    deny(text.length > max || text.length === 0, 'EINVAL', `not between 1 and ${max} characters`);
    config[name] = text.trim();
  };
  const most = (file: string, name: 'maxTransfer' | 'maxBatch', complaint: (max: number) => string) =>
    writing(
      file,
      () => String(config[name]),
      (text) => {
        configurable();
        locked();
        const size = powerOfTwo(text);
        deny(size > capabilities[name], 'EINVAL', complaint(capabilities[name]));
        config[name] = size;
      },
    );
  const bool = (isSet: boolean) => (isSet ? '1' : '0');
  return [
    reading('clients', () => String(queue.clients)),
    reading('state', () => (queue.isEnabled ? 'enabled' : 'disabled')),
    writing(
      'group_id',
      () => String(config.group?.index ?? -1),
      (text) => {
        const id = signed(text);
        configurable();
        locked();
        deny(id < -1 || id >= capabilities.groups, 'EINVAL', `there is no group ${id}`);
        config.group = device.groups[id];
      },
    ),
    writing(
      'mode',
      () => (config.isDedicated ? 'dedicated' : 'shared'),
      (text) => {
        configurable();
        locked();
        const isDedicated = sysfsStreq(text, 'dedicated');
        deny(!isDedicated && !sysfsStreq(text, 'shared'), 'EINVAL', 'neither dedicated nor shared');
        config.isDedicated = isDedicated;
        if (isDedicated) config.threshold = 0;
      },
    ),
    writing(
      'size',
      () => String(config.size),
      (text) => {
        const size = unsigned(text);
        configurable();
        deny(device.isEnabled, 'EPERM', `${device.name} is enabled`);
        const others = device.queues.reduce((sum, other) => sum + other.config.size, 0) - config.size;
        deny(size + others > capabilities.totalSize, 'EINVAL', `there are ${capabilities.totalSize} entries for all queues`);
        config.size = size;
      },
    ),
    writing(
      'priority',
      () => String(config.priority),
      (text) => {
        const priority = unsigned(text);
        configurable();
        locked();
        deny(priority > PRIORITY_MAX, 'EINVAL', `above ${PRIORITY_MAX}`);
        config.priority = priority;
      },
    ),
    writing(
      'block_on_fault',
      () => bool(config.blocksOnFault),
      (text) => {
        deny((capabilities.gencap & 1n) === 0n, 'EOPNOTSUPP', 'the device cannot block on a fault');
        configurable();
        locked('ENXIO');
        config.blocksOnFault = kstrtobool(text);
      },
    ),
    writing(
      'threshold',
      () => String(config.threshold),
      (text) => {
        const threshold = unsigned(text, 0);
        deny(threshold > config.size || threshold === 0, 'EINVAL', `not between 1 and ${config.size}`);
        configurable();
        locked('ENXIO');
        deny(config.isDedicated, 'EINVAL', 'the queue is dedicated');
        config.threshold = threshold;
      },
    ),
    writing(
      'type',
      () => config.type,
      (text) => {
        locked();
        const type = (['none', 'kernel', 'user'] as const).find((word) => sysfsStreq(text, word));
        if (type === undefined) throw new Errno('EINVAL', 'neither none, kernel nor user');
        if (type !== config.type) config.name = '';
        config.type = type;
      },
    ),
    writing('name', () => config.name, words('name', NAME_MAX)),
    writing('driver_name', () => config.driverName, words('driverName', DRIVER_NAME_MAX)),
    reading('cdev_minor', () => {
      if (queue.minor === undefined) throw new Errno('ENXIO', `${queue.name} has no node`);
      return String(queue.minor);
    }),
    most('max_transfer_size', 'maxTransfer', (max) => `the device moves ${max} bytes at most`),
    most('max_batch_size', 'maxBatch', (max) => `the device takes ${max} descriptors at most`),
    writing(
      'ats_disable',
      () => bool(config.atsDisabled),
      (text) => {
        locked();
        config.atsDisabled = kstrtobool(text);
      },
    ),
    reading('occupancy', () => {
      const at = capabilities.wqcfg + config.index * 64 + regs.WQCFG_STATE;
      return String(device.port.read(at) & 0xffff);
    }),
    writing(
      'enqcmds_retries',
      () => {
        deny(config.isDedicated, 'EOPNOTSUPP', 'the queue is dedicated');
        return String(config.retries);
      },
      (text) => {
        deny(config.isDedicated, 'EOPNOTSUPP', 'the queue is dedicated');
        config.retries = Math.min(unsigned(text), ENQCMDS_RETRIES_MAX);
      },
    ),
    writing(
      'op_config',
      () => bitmap(config.opcodes),
      (text) => {
        locked();
        const opcodes = parseBitmap(text, 32);
        deny(
          opcodes.some((byte, index) => (byte & ~(capabilities.opcodes[index] as number)) !== 0),
          'EINVAL',
          'an operation that the device does not have',
        );
        config.opcodes = opcodes;
      },
    ),
  ];
}
