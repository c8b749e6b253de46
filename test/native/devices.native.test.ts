import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { testWithCommand } from '../support/commands.ts';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { gadgetBoard } from '../support/gadget-board.ts';
import { NativeServer, runOn } from '../support/native-server.ts';
import { root } from '../support/paths.ts';

const folder = temporaryFolder();

async function printed(...command: string[]): Promise<string> {
  const { status, stdout, stderr } = await runOn(gadgetBoard(), command);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

const compiled = () => compile(join(root, 'test/native/programs/devices.c'), join(folder, 'devices'));

testWithCompiler('a program finds a device by its bus and its class, by descriptors of folders', async () => {
  expect(await printed(compiled(), 'dummy_udc.0')).toBe(
    [
      '/sys/bus/platform: dummy_udc.0 is /sys/devices/platform/dummy_udc.0, by ../../../devices/platform/dummy_udc.0',
      '  driver -> ../../../bus/platform/drivers/dummy_udc',
      '  driver_override: (null)',
      '  gadget.0 40000',
      '  modalias: platform:dummy_udc',
      '  power 40000',
      '  subsystem -> ../../../bus/platform',
      '  udc 40000',
      '  uevent: DRIVER=dummy_udc',
      '/sys/class/udc: dummy_udc.0 is /sys/devices/platform/dummy_udc.0/udc/dummy_udc.0, by ../../devices/platform/dummy_udc.0/udc/dummy_udc.0',
      '  device -> ../../../dummy_udc.0',
      '  power 40000',
      '  state: not attached',
      '  subsystem -> ../../../../../class/udc',
      '  uevent: USB_UDC_NAME=dummy_udc',
      '',
    ].join('\n'),
  );
});

testWithCompiler('a program that waits for events and for the host hears of a device that comes, which is complete then', async () => {
  const server = new NativeServer(gadgetBoard());
  const { child, ended } = server.start([compiled(), '/misc/late', 'wait'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const stdout = child.stdout as NonNullable<typeof child.stdout>;
  const next = async () => String((await once(stdout, 'data'))[0]);
  expect(await next()).toBe('listening\n');
  child.stdin?.write('hello\n');
  expect(await next()).toBe('typed: hello\n');
  server.machine.system.devices.addMisc({ name: 'late', minor: 200, ops: {} });
  const [rest, { status }] = await Promise.all([text(stdout), ended]);
  expect([rest, status]).toEqual(['add@/devices/virtual/misc/late from 0, group 1, uid 0, with 30 bytes\n', 0]);
  await server.turn();
  expect(server.held().files).toBe(0);
  server.close();
});

testWithCommand('udevadm')('udevadm tells of a device, its parents and its node', async () => {
  expect(await printed('udevadm', 'info', '--query=all', '/sys/class/udc/dummy_udc.0')).toBe(
    [
      'P: /devices/platform/dummy_udc.0/udc/dummy_udc.0',
      'M: dummy_udc.0',
      'R: 0',
      'U: udc',
      'E: DEVPATH=/devices/platform/dummy_udc.0/udc/dummy_udc.0',
      'E: SUBSYSTEM=udc',
      'E: USB_UDC_NAME=dummy_udc',
      '',
      '',
    ].join('\n'),
  );
  expect(await printed('udevadm', 'info', '--query=property', '--name=/dev/udmabuf')).toContain('DEVNAME=/dev/udmabuf\n');
  const walk = await printed('udevadm', 'info', '--attribute-walk', '/sys/class/udc/dummy_udc.0');
  expect(walk.match(/(KERNELS?|SUBSYSTEMS?|DRIVERS?|ATTR.state.|ATTRS.driver_override.)==".*"/g)).toEqual([
    'KERNEL=="dummy_udc.0"',
    'SUBSYSTEM=="udc"',
    'DRIVER==""',
    'ATTR{state}=="not attached"',
    'KERNELS=="dummy_udc.0"',
    'SUBSYSTEMS=="platform"',
    'DRIVERS=="dummy_udc"',
    'ATTRS{driver_override}=="(null)"',
    'KERNELS=="platform"',
    'SUBSYSTEMS==""',
    'DRIVERS==""',
  ]);
  const all = (await printed('udevadm', 'info', '--export-db')).split('\n');
  expect(all).toEqual(
    expect.arrayContaining([
      'P: /devices/virtual/misc/udmabuf',
      'P: /devices/platform/dummy_udc.0/gadget.0',
      'P: /devices/platform/dummy_udc.0/udc/dummy_udc.0',
      'P: /devices/virtual/mem/null',
    ]),
  );
});

testWithCommand('udevadm')('udevadm monitor sees what the kernel says, and udevadm trigger makes it say so', async () => {
  const server = new NativeServer(gadgetBoard());
  // Unbuffered: it writes a line at a time to a terminal only.
  const monitor = server.start(['stdbuf', '-oL', 'udevadm', 'monitor', '--kernel', '--property'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const stdout = monitor.child.stdout as NonNullable<typeof monitor.child.stdout>;
  let heard = '';
  stdout.on('data', (data: Buffer) => {
    heard += data.toString();
  });
  const until = async (end: string) => {
    while (!heard.includes(end)) await once(stdout, 'data');
  };
  await until('KERNEL - the kernel uevent\n');
  const trigger = ['udevadm', 'trigger', '--action=change', '--sysname-match=udmabuf'];
  expect((await server.run(trigger)).status).toBe(0);
  await until('MINOR=258\n');
  server.machine.system.devices.addMisc({ name: 'late', minor: 200, ops: {} });
  await until('MINOR=200\n');
  monitor.child.kill();
  await monitor.ended;
  const told = [...heard.matchAll(/^KERNEL\[[\d.]+\] (.*)$/gm)].map(([, event]) => event?.trim());
  expect(told).toEqual(['change   /devices/virtual/misc/udmabuf (misc)', 'add      /devices/virtual/misc/late (misc)']);
  expect(heard).toMatch(/ACTION=change\nDEVPATH=\/devices\/virtual\/misc\/udmabuf\nSUBSYSTEM=misc\n/);
  await server.turn();
  server.close();
});

test('find and ls list all of a device, and Python walks it', async () => {
  const found = await printed('find', '/sys/class/udc/dummy_udc.0/', '-maxdepth', '1');
  const names = ['', 'device', 'power', 'state', 'subsystem', 'uevent'];
  expect(found.trimEnd().split('\n').sort()).toEqual(names.map((name) => `/sys/class/udc/dummy_udc.0/${name}`));
  const listed = await printed('ls', '-lR', '/sys/class/udc/dummy_udc.0/');
  expect(listed).toContain(' device -> ../../../dummy_udc.0\n');
  expect(listed).toMatch(/power:\ntotal 0\n(-r.*\n)+/);
  const python = "import os; print(sum(len(files) for _, _, files in os.walk('/sys/devices/platform/dummy_udc.0')) > 20)";
  expect(await printed('python3', '-c', python)).toBe('True\n');
});
