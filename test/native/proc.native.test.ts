import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { NativeServer, runOn } from '../support/native-server.ts';
import { root } from '../support/paths.ts';
import { pseudoBoard } from '../support/pseudo-board.ts';

const folder = temporaryFolder();
const files = ['devices', 'misc', 'filesystems', 'mounts', 'self/mountinfo'].map((name) => `/proc/${name}`);

test('/proc tells of the devices, file systems and mounts of the host and of the machine', async () => {
  const { status, stdout, stderr } = await runOn(pseudoBoard(), ['sh', '-c', `for f in ${files.join(' ')}; do cat $f; echo ==; done`]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [devices, misc, fileSystems, mounts, info] = stdout.split('==\n') as [string, string, string, string, string];
  const own = (path: string) => readFileSync(path, 'latin1').split('\n');

  const [characters, blocks] = devices.split('\n\n') as [string, string];
  expect(characters.split('\n').slice(0, 2)).toEqual(['Character devices:', '  1 mem']);
  expect(characters).toMatch(/^ *\d+ dma_heap$/m);
  expect(devices.split('\n')).toEqual(expect.arrayContaining(own('/proc/devices')));
  expect(blocks.startsWith('Block devices:\n')).toBe(true);
  const numbers = characters.split('\n').slice(1).map(Number.parseFloat);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));

  expect(misc.split('\n')).toEqual(expect.arrayContaining(['258 udmabuf', ...own('/proc/misc')]));
  expect(fileSystems.split('\n')).toEqual(expect.arrayContaining(['nodev\tconfigfs', 'nodev\tdebugfs', ...own('/proc/filesystems')]));
  for (const list of [misc, fileSystems]) expect(new Set(list.split('\n')).size).toBe(list.split('\n').length);

  expect(mounts).toContain('\nconfigfs /sys/kernel/config configfs rw,relatime 0 0\n');
  expect(mounts.match(/ \/proc proc /g)?.length).toBe(1);
  const hostInfo = own('/proc/self/mountinfo');
  const sysfs = hostInfo.find((line) => line.split(' ')[4] === '/sys')?.split(' ')[0];
  expect(info).toMatch(new RegExp(`^\\d+ ${sysfs} \\d+:\\d+ / /sys/kernel/debug rw,relatime - debugfs debugfs rw$`, 'm'));
  const ids = info
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  expect(new Set(ids).size).toBe(ids.length);
});

test('a mount that a program makes is there at once, and gone with umount', async () => {
  const script = 'cat /proc/self/mounts | grep -c /sys/kernel/config; umount /sys/kernel/config; grep -c /sys/kernel/config /proc/mounts';
  expect((await runOn(pseudoBoard(), ['sh', '-c', script])).stdout).toBe('1\n0\n');
});

testWithCompiler('an attribute that its driver notifies wakes poll and epoll, beside descriptors of the host', async () => {
  const server = new NativeServer(pseudoBoard());
  const { deviceModel } = server.machine.system;
  let state = 'cold';
  const shown = deviceModel.kernel.createDirectory('kettle');
  shown.createFile({ name: 'state', mode: 0o444, show: () => `${state}\n` });
  await server.turn();
  const program = compile(join(root, 'test/native/programs/attributes.c'), join(folder, 'attributes'));
  const { child, ended } = server.start([program, '/sys/kernel/kettle/state'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const stdout = child.stdout as NonNullable<typeof child.stdout>;
  let heard = '';
  while (!heard.includes('first: cold\n')) heard += String((await once(stdout, 'data'))[0]);
  state = 'hot';
  shown.notify('state');
  const [rest, { status }] = await Promise.all([text(stdout), ended]);
  expect([heard, rest, status]).toEqual(['/sys/kernel/config has configfs\nfirst: cold\n', 'woken: 0xa 0x0, 1\nthen: hot\nagain: 0\n', 0]);
  await server.turn();
  server.close();
});

test("a value of /proc/sys that a program sets is the machine's from then on, and the host's stays", async () => {
  const path = '/proc/sys/vm/overcommit_ratio';
  const before = readFileSync(path, 'latin1');
  const script = `cat ${path}; echo 7 > ${path}; cat ${path}; echo seven 2> /dev/null > ${path} || echo refused; cat ${path}
    python3 -c "f = open('${path}', 'r+'); print(f.read().strip()); f.seek(0); f.write('8')"; cat ${path}; ls /proc/sys/vm | grep -c ratio`;
  const { status, stdout, stderr } = await runOn(pseudoBoard(), ['sh', '-c', script]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.split('\n').slice(1, 6)).toEqual(['7', 'refused', '7', '7', '8']);
  expect(stdout.startsWith(before)).toBe(true);
  expect(readFileSync(path, 'latin1'), "the host's own value").toBe(before);
});
