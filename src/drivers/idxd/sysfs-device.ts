/** dsaD in sysfs (10 of docs/reference/ims-dsa.md; drivers/dma/idxd/sysfs.c). */
import type { Attribute } from '../../kernel/index.ts';
import { bitmap, deny, reading, unsigned, writing } from './attributes.ts';
import type { IdxdDevice } from './idxd-device.ts';

const hex = (value: number | bigint) => (value === 0 || value === 0n ? '0' : `0x${value.toString(16)}`);

export function deviceAttributes(device: IdxdDevice): Attribute[] {
  const { capabilities } = device;
  const fixed = (name: string, value: number) => reading(name, () => String(value));
  const readBufferLimit = (name: string) =>
    writing(
      name,
      () => String(device.readBufferLimit),
      (text) => {
        const value = unsigned(text);
        deny(device.isEnabled, 'EPERM', 'the device is enabled');
        deny(!capabilities.isConfigurable, 'EPERM', 'the device cannot be configured');
        deny(value > capabilities.readBuffers, 'EINVAL', `there are ${capabilities.readBuffers} read buffers`);
        device.readBufferLimit = value;
      },
    );
  return [
    reading('version', () => hex(capabilities.version)),
    fixed('max_work_queues_size', capabilities.totalSize),
    fixed('max_groups', capabilities.groups),
    fixed('max_work_queues', capabilities.queues),
    fixed('max_engines', capabilities.engines),
    fixed('numa_node', 0),
    fixed('max_batch_size', capabilities.maxBatch),
    fixed('max_transfer_size', capabilities.maxTransfer),
    reading('op_cap', () => bitmap(shownOpcodes(capabilities.opcodes))),
    reading('gen_cap', () => hex(capabilities.gencap)),
    fixed('configurable', capabilities.isConfigurable ? 1 : 0),
    reading('clients', () => String(device.queues.reduce((sum, { clients }) => sum + clients, 0))),
    fixed('pasid_enabled', 1),
    reading('state', () => (device.isEnabled ? 'enabled' : 'disabled')),
    reading('errors', () => bitmap(new Uint8Array(device.mailbox.softwareError.buffer))),
    fixed('max_tokens', capabilities.readBuffers),
    fixed('max_read_buffers', capabilities.readBuffers),
    readBufferLimit('token_limit'),
    readBufferLimit('read_buffer_limit'),
    fixed('cdev_major', device.parts.region.major),
    writing(
      'cmd_status',
      () => hex(device.commandStatus),
      () => {
        device.commandStatus = 0;
      },
    ),
  ];
}

/** Whoever writes descriptors to such a device cannot have batches executed: a member could claim to be another's. */
function shownOpcodes(opcodes: Uint8Array): Uint8Array {
  const shown = opcodes.slice();
  shown[0] = (shown[0] as number) & ~2;
  return shown;
}
