import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY, POLLIN, POLLPRI } from '../../src/abi/uapi/index.ts';
import { boot, Errno } from '../../src/index.ts';
import { type Uevent, ueventMessage } from '../../src/kernel/index.ts';
import { gadgetBoard } from '../support/gadget-board.ts';

const recorded = readFileSync(new URL('../conformance/expected/uevents.txt', import.meta.url), 'latin1')
  .trimEnd()
  .split('\n')
  .slice(1);

/** test/conformance/probes/uevents.c, in process. */
function runProbe(): string[] {
  const { sys, system } = boot(gadgetBoard());
  const lines: string[] = [];
  let events: Uevent[] = [];
  system.deviceModel.uevents.subscribe((event) => events.push(event));

  const attempt = (call: () => number) => {
    try {
      return `${call()} 0`;
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      return `-1 ${error.code}`;
    }
  };
  const put = (label: string, path: string, what: string) => {
    const fd = sys.open(path, O_WRONLY);
    lines.push(`${label}.write: ${attempt(() => sys.write(fd, what))}`);
    sys.close(fd);
    for (const event of events) {
      const words = ueventMessage(event).split('\0').slice(0, -1);
      lines.push(`${label}|${words.map((word) => ` ${word.startsWith('SEQNUM=') ? 'SEQNUM' : word}`).join('')}`);
    }
    events = [];
  };
  const look = (label: string, fd: number) => {
    lines.push(`${label}.pread: ${attempt(() => sys.pread(fd, 64, 0).length)}`);
    lines.push(`${label}.poll: 0x${sys.poll([{ fd, events: POLLIN | POLLPRI }], 0)[0]?.toString(16)}`);
    lines.push(`${label}.fstat: nlink=${sys.fstat(fd).nlink}`);
  };
  const link = (path: string) => lines.push(`link: ${sys.readlink(path)}`);

  const misc = '/sys/class/misc/udmabuf/uevent';
  put('add', misc, 'add');
  put('change', misc, 'change\n');
  put('remove', misc, 'remove');
  put('uuid', misc, 'add fe4cf2db-1cc7-4c8f-b6f3-a0b6d6a0b6d6');
  put('arguments', misc, 'change fe4cf2db-1cc7-4c8f-b6f3-a0b6d6a0b6d6 A=1 Bc=2d');
  put('nothing', misc, 'nonsense');
  put('bus', '/sys/bus/platform/uevent', 'add');
  put('driver', '/sys/bus/platform/drivers/dummy_udc/uevent', 'add');

  const file = sys.open('/sys/class/udc/dummy_udc.0/state', O_RDONLY);
  const writable = sys.open('/sys/class/udc/dummy_udc.0/uevent', O_RDWR);
  const folder = sys.open('/sys/class/udc/dummy_udc.0', O_RDONLY | O_DIRECTORY);
  look('before', file);
  link('/sys/class/udc/dummy_udc.0');
  link('/sys/class/udc/dummy_udc.0/device');
  link('/sys/class/udc/dummy_udc.0/subsystem');
  link('/sys/devices/platform/dummy_udc.0/driver');
  link('/sys/bus/platform/devices/dummy_udc.0');
  link('/sys/bus/platform/drivers/dummy_udc/dummy_udc.0');
  const driver = '/sys/bus/platform/drivers/dummy_udc';
  put('other', `${driver}/unbind`, 'nothing');
  put('unbind', `${driver}/unbind`, 'dummy_udc.0');
  look('gone', file);
  lines.push(`gone.write: ${attempt(() => sys.write(writable, 'add'))}`);
  lines.push(`folder.getdents: ${attempt(() => sys.getdents64(folder, 4096).bytes)}`);
  lines.push(`folder.fstat: nlink=${sys.fstat(folder).nlink}`);
  lines.push(`folder.openat: ${attempt(() => sys.openat(folder, 'dev')).split(' ')[1]}`);
  put('again', `${driver}/unbind`, 'dummy_udc.0');
  put('bind', `${driver}/bind`, 'dummy_udc.0\n');
  put('rebind', `${driver}/bind`, 'dummy_udc.0');
  put('wrong', `${driver}/bind`, 'dummy_hcd.0');
  put('probe', '/sys/bus/platform/drivers_probe', 'dummy_udc.0');
  look('still', file);
  put('override', '/sys/devices/platform/dummy_udc.0/driver_override', 'dummy_hcd');
  put('others', `${driver}/unbind`, 'dummy_udc.0');
  put('refused', `${driver}/bind`, 'dummy_udc.0');
  put('restore', '/sys/devices/platform/dummy_udc.0/driver_override', '\n');
  put('manual', '/sys/bus/platform/drivers_autoprobe', '0');
  put('found', '/sys/bus/platform/drivers_probe', 'dummy_udc.0');
  put('automatic', '/sys/bus/platform/drivers_autoprobe', '1');
  return lines;
}

describe('events of devices', () => {
  it('and files of devices that go answer as on Linux 6.12', () => {
    expect(runProbe()).toEqual(recorded);
  });
});
