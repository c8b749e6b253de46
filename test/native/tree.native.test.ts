import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { NativeServer, printed } from '../support/native-server.ts';
import { root } from '../support/paths.ts';
import { pseudoBoard } from '../support/pseudo-board.ts';

const folder = temporaryFolder();

const printedHere = (command: readonly string[], server = new NativeServer(pseudoBoard())) => printed(command, server);
const shell = (script: string, server?: NativeServer) => printedHere(['sh', '-e', '-c', script], server);
const lines = (output: string) => output.trimEnd().split('\n');

testWithCompiler('a shell reads and writes attributes, and works in their folders', async () => {
  const output = await shell(
    `
    cat /sys/class/dma_heap/system/uevent
    echo 1 > /sys/kernel/rcu_expedited; cat /sys/kernel/rcu_expedited
    cd /sys/class/dma_heap/system
    pwd -P; cat dev; cat subsystem/system/dev
    cd ../../virtual/misc; pwd; /bin/pwd
    echo */dev | tr ' ' '\\n' | grep udmabuf
    sh -c 'cat udmabuf/dev; cat ../../../kernel/rcu_expedited; cat ../../../../etc/hostname > /dev/null'`.replace(
      '../../virtual',
      '/sys/devices/virtual',
    ),
  );
  const [major, minor, name, value, ...rest] = lines(output);
  expect([major, minor, name, value]).toEqual([expect.stringMatching(/^MAJOR=\d+$/), 'MINOR=0', 'DEVNAME=dma_heap/system', '1']);
  expect(rest).toEqual([
    '/sys/devices/virtual/dma_heap/system',
    expect.stringMatching(/^\d+:0$/),
    expect.stringMatching(/^\d+:0$/),
    '/sys/devices/virtual/misc',
    '/sys/devices/virtual/misc',
    'udmabuf/dev',
    '10:258',
    '1',
  ]);
});

testWithCompiler('folders that the host has, too, list both, each name once', async () => {
  const output = lines(await shell('ls /sys/class /sys/bus /dev /sys/kernel'));
  const names = output.filter((name) => name !== '' && !name.endsWith(':'));
  expect(names).toEqual(expect.arrayContaining(['dma_heap', 'net', 'gadget', 'null', 'config', 'debug', 'rcu_expedited']));
  for (const part of output.join('\n').split('\n\n')) {
    const listed = part.split('\n');
    expect(new Set(listed).size, listed[0]).toBe(listed.length);
  }
});

testWithCompiler('what lies behind a link of the machine into a shared folder is the host again', async () => {
  expect(await shell('cd /sys/class/dma_heap; cat ../net/lo/address; cat system/subsystem/../net/lo/address')).toBe(
    '00:00:00:00:00:00\n'.repeat(2),
  );
});

testWithCompiler('configfs: objects are made, linked and removed', async () => {
  const output = await shell(`
    cd /sys/kernel/config/usb_gadget
    mkdir g; mkdir g/functions/ffs.a g/configs/c.1
    echo 0x1d6b > g/idVendor; cat g/idVendor
    ln -s g/functions/ffs.a g/configs/c.1/
    readlink g/configs/c.1/ffs.a
    find g/functions g/configs | sort
    rm g/configs/c.1/ffs.a; rmdir g/configs/c.1 g/functions/ffs.a g
    ls -A`);
  expect(lines(output)).toEqual([
    '0x1d6b',
    '../../../../usb_gadget/g/functions/ffs.a',
    'g/configs',
    'g/configs/c.1',
    'g/configs/c.1/MaxPower',
    'g/configs/c.1/bmAttributes',
    'g/configs/c.1/ffs.a',
    'g/configs/c.1/strings',
    'g/functions',
    'g/functions/ffs.a',
    'g/functions/ffs.a/ready',
  ]);
});

const PYTHON = `
import glob, os
print(sorted(os.walk('/sys/devices/virtual/misc/udmabuf'))[0])
print(os.path.realpath('/sys/class/misc/udmabuf'), os.path.realpath('/sys/class/misc/udmabuf/subsystem'))
print(glob.glob('/sys/class/misc/udm*/dev'), open('/sys/class/misc/udmabuf/dev').read())
fd = os.open('/sys/class/misc/udmabuf', os.O_RDONLY | os.O_DIRECTORY)
print(sorted(os.listdir(fd)), os.readlink('subsystem', dir_fd=fd), os.stat('dev', dir_fd=fd).st_size)
os.fchdir(fd)
print(os.getcwd(), os.access('uevent', os.R_OK), os.path.exists('nothing'))
`;

testWithCompiler('Python walks the tree, by paths and by descriptors', async () => {
  expect(lines(await printedHere(['python3', '-c', PYTHON]))).toEqual([
    "('/sys/devices/virtual/misc/udmabuf', ['power', 'subsystem'], ['uevent', 'dev'])",
    '/sys/devices/virtual/misc/udmabuf /sys/class/misc',
    "['/sys/class/misc/udmabuf/dev'] 10:258",
    '',
    "['dev', 'power', 'subsystem', 'uevent'] ../../../../class/misc 4096",
    '/sys/devices/virtual/misc/udmabuf True False',
  ]);
});

testWithCompiler('streams of folders, scandir and glob', async () => {
  const program = compile(join(root, 'test/native/programs/tree.c'), join(folder, 'tree'));
  expect(lines(await printedHere([program]))).toEqual([
    'told: the same name again',
    'rewound: the same names again',
    'scandir: dev power subsystem uevent',
    'glob: /sys/class/misc/udmabuf/dev',
    'a file: ENOTDIR',
    'read of a folder: EISDIR',
    'mounted: tmpfs',
    'busy: EBUSY',
    'unmounted: configfs',
  ]);
});

testWithCompiler('a device that comes while a program runs has its folder at once', async () => {
  const server = new NativeServer(pseudoBoard());
  const { child, ended } = server.start(['sh', '-c', 'test -e /sys/class/misc/late; echo $?; read go; cat /sys/class/misc/late/dev'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const stdout = child.stdout as NonNullable<typeof child.stdout>;
  const first = await new Promise<string>((resolve) => stdout.once('data', (data: Buffer) => resolve(data.toString())));
  server.machine.system.devices.addMisc({ name: 'late', minor: 200, ops: {} });
  await server.turn();
  child.stdin?.end('go\n');
  const [rest, { status }] = await Promise.all([text(stdout), ended]);
  expect([first, rest, status]).toEqual(['1\n', '10:200\n', 0]);
  await server.turn();
  server.close();
});
