/** groupD.G and engineD.E in sysfs (10 of docs/reference/ims-dsa.md; drivers/dma/idxd/sysfs.c). */
import type { Attribute } from '../../kernel/index.ts';
import { deny, signed, unsigned, writing } from './attributes.ts';
import type { EngineConfig, GroupConfig } from './configuration.ts';
import type { IdxdDevice } from './idxd-device.ts';

/** Buffers that each engine of a group needs. */
const BUFFERS_PER_ENGINE = 4;
const TRAFFIC_CLASS_MAX = 7;
/** Up to this version traffic classes are the device's own business. */
const FIXED_CLASSES_VERSION = 0x200;

export function groupAttributes(device: IdxdDevice, group: GroupConfig): Attribute[] {
  const { capabilities } = device;
  const assertOpen = () => {
    deny(!capabilities.isConfigurable, 'EPERM', 'the device cannot be configured');
    deny(device.isEnabled, 'EPERM', `${device.name} is enabled`);
  };
  const names = (name: string, members: () => readonly string[]): Attribute => ({
    name,
    mode: 0o444,
    show: () => (members().length === 0 ? '' : `${members().join(' ')}\n`),
  });
  const reserved = (name: string) =>
    writing(
      name,
      () => String(group.readBuffersReserved),
      (text) => {
        const value = unsigned(text);
        assertOpen();
        const room = device.freeReadBuffers + group.readBuffersReserved;
        deny(value > room, 'EINVAL', `${room} read buffers are free`);
        group.readBuffersReserved = value;
      },
    );
  const allowed = (name: string) =>
    writing(
      name,
      () => String(group.readBuffersAllowed),
      (text) => {
        const value = unsigned(text);
        assertOpen();
        const engines = device.engines.filter((engine) => engine.group === group).length;
        const room = group.readBuffersReserved + device.freeReadBuffers;
        deny(value < BUFFERS_PER_ENGINE * engines || value > room, 'EINVAL', `not between ${BUFFERS_PER_ENGINE * engines} and ${room}`);
        group.readBuffersAllowed = value;
      },
    );
  const usesLimit = (name: string) =>
    writing(
      name,
      () => (group.usesReadBufferLimit ? '1' : '0'),
      (text) => {
        const value = unsigned(text);
        assertOpen();
        deny(device.readBufferLimit === 0, 'EPERM', 'the device has no limit');
        group.usesReadBufferLimit = value !== 0;
      },
    );
  const trafficClass = (name: string, which: 'trafficClassA' | 'trafficClassB') =>
    writing(
      name,
      () => String(group[which]),
      (text) => {
        const value = signed(text);
        assertOpen();
        deny(capabilities.version <= FIXED_CLASSES_VERSION, 'EPERM', 'traffic classes of this version are fixed');
        deny(value < 0 || value > TRAFFIC_CLASS_MAX, 'EINVAL', `not between 0 and ${TRAFFIC_CLASS_MAX}`);
        group[which] = value;
      },
    );
  return [
    names('work_queues', () => device.queues.filter(({ config }) => config.group === group).map(({ name }) => name)),
    names('engines', () => device.engines.filter((engine) => engine.group === group).map(({ index }) => `engine${device.id}.${index}`)),
    usesLimit('use_token_limit'),
    usesLimit('use_read_buffer_limit'),
    allowed('tokens_allowed'),
    allowed('read_buffers_allowed'),
    reserved('tokens_reserved'),
    reserved('read_buffers_reserved'),
    trafficClass('traffic_class_a', 'trafficClassA'),
    trafficClass('traffic_class_b', 'trafficClassB'),
  ];
}

export function engineAttributes(device: IdxdDevice, engine: EngineConfig): Attribute[] {
  const { capabilities } = device;
  return [
    writing(
      'group_id',
      () => String(engine.group?.index ?? -1),
      (text) => {
        const id = signed(text);
        deny(!capabilities.isConfigurable, 'EPERM', 'the device cannot be configured');
        deny(id < -1 || id >= capabilities.groups, 'EINVAL', `there is no group ${id}`);
        engine.group = device.groups[id];
      },
    ),
  ];
}
