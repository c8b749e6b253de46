import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { hasFuse, isMounted, Mounted } from '../support/fuse.ts';
import { cli, LOOPBACK } from '../support/paths.ts';
import { start } from '../support/run.ts';
import { Served } from '../support/served.ts';

const folder = temporaryFolder();
const newFolder = () => mkdtempSync(join(folder, 'f-'));
const newSocket = () => join(newFolder(), 's');
const command = (...args: readonly string[]) => start(process.execPath, [cli, ...args]);
const run = (socket: string, ...program: readonly string[]) => command('run', '--connect', socket, '--', ...program);

/** Nothing that the server complains about. */
const CLEAN = /^(ioctopus: .* is served at .*; Ctrl-C ends it\n|\[pid .*\n)*$/;

describe.skipIf(!hasCompiler)('ioctopus serve', () => {
  let served: Served;
  let socket: string;

  beforeEach(async () => {
    socket = newSocket();
    served = await Served.make(socket, { options: ['--strace'] });
  });

  afterEach(async () => {
    if (served.process.exitCode === null && served.process.signalCode === null) await served.end();
    expect(served.stderr).toMatch(CLEAN);
  });

  test('a native program waits, and a TypeScript program ends its wait', async () => {
    const reader = run(socket, 'head', '-c', '5', '/dev/loop');
    await served.said(/waits for the loop/);
    const machine = await connect(socket);
    const fd = await machine.sys.open('/dev/loop', 1);
    await machine.sys.write(fd, 'hello');
    await machine.close();
    expect(await reader.ended).toEqual({ status: 0, stdout: 'hello', stderr: '' });
  });

  test('several programs have the same machine, one after the other and together', async () => {
    expect(await run(socket, 'sh', '-c', 'echo first > /dev/loop; exit 7').ended).toMatchObject({ status: 7, stderr: '' });
    const [one, two] = await Promise.all([run(socket, 'head', '-c', '6', '/dev/loop').ended, run(socket, 'cat', '/dev/memory').ended]);
    expect([one?.stdout, two?.stdout.length, one?.stderr, two?.stderr]).toEqual(['first\n', 8192, '', '']);
  });

  test('launchers at the same time do not take each other’s programs for ones without the library', async () => {
    const programs = Array.from({ length: 4 }, () => run(socket, 'sh', '-c', 'echo "$IOCTOPUS_DOOR"').ended);
    const ended = await Promise.all(programs);
    expect(ended.map(({ stderr }) => stderr)).toEqual(['', '', '', '']);
    const door = ended[0]?.stdout.trimEnd().replace(/^[^:]*:/, '') as string;
    expect(readdirSync(door).filter((name) => name.startsWith('unloaded'))).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends it: who waits gets ENODEV, and nothing stays behind', async (signal) => {
    const reader = run(socket, 'cat', '/dev/loop');
    await served.said(/waits for the loop/);
    const machine = await connect(socket);
    const fd = await machine.sys.open('/dev/loop');
    const read = machine.sys.read(fd, 1).catch((error: unknown) => error);
    while (served.stderr.match(/waits for the loop/g)?.length !== 2) await machine.sys.getcwd();
    expect(await served.end(signal)).toBe(0);
    expect(await read).toMatchObject({ code: 'ENODEV' });
    expect(await reader.ended).toMatchObject({ status: 1, stderr: 'cat: /dev/loop: No such device\n' });
    expect(existsSync(socket)).toBe(false);
  });

  test('SIGKILL ends it: the same, and the next server takes its socket', async () => {
    const reader = run(socket, 'cat', '/dev/loop');
    await served.said(/waits for the loop/);
    const machine = await connect(socket);
    const fd = await machine.sys.open('/dev/loop');
    const read = machine.sys.read(fd, 1).catch((error: unknown) => error);
    expect(await served.end('SIGKILL')).toBe('SIGKILL');
    expect(await read).toMatchObject({ code: 'ENODEV' });
    expect(await reader.ended).toMatchObject({ status: 1, stderr: 'cat: /dev/loop: No such device\n' });
    expect(statSync(socket).isSocket()).toBe(true);
    expect((await run(socket, 'true').ended).stderr).toBe(
      `ioctopus: nobody serves a machine at ${socket}; start one: ioctopus serve --socket ${socket}\n`,
    );
    const second = await Served.make(socket);
    expect((await run(socket, 'sh', '-c', 'echo x > /dev/loop; head -c 1 /dev/loop').ended).stdout).toBe('x');
    expect(await second.end()).toBe(0);
  });

  test('Ctrl-C of a program that has joined ends only that', async () => {
    const reader = run(socket, 'cat', '/dev/loop');
    await served.said(/waits for the loop/);
    process.kill(reader.pid, 'SIGTERM');
    expect((await reader.ended).status).toBe(128 + 15);
    const machine = await connect(socket);
    expect((await machine.sys.stat('/dev/loop')).mode & 0o777).toBe(0o660);
    await machine.close();
  });

  test('its socket is its user’s alone', () => {
    expect(statSync(socket).mode & 0o777).toBe(0o600);
  });

  test('ioctopus ls shows its nodes', async () => {
    expect(await command('ls', '--connect', socket).ended).toEqual({
      status: 0,
      stdout: 'crw-rw---- root root 10:256 /dev/loop   misc\ncrw------- root root 10:257 /dev/memory misc\n',
      stderr: '',
    });
  });

  test('a socket where somebody serves', async () => {
    expect(await command('serve', '--socket', socket).ended).toEqual({
      status: 125,
      stdout: '',
      stderr: `ioctopus: ${socket} is served already; join it with --connect, or choose another path\n`,
    });
  });

  describe.skipIf(!hasFuse)('with mounts', () => {
    const mount = (place: string) => Mounted.make({ folder: place, machine: ['--connect', socket] });

    test('a shell watches and pokes the machine that a native program is using', async () => {
      const mounted = await mount(newFolder());
      const reader = run(socket, 'head', '-c', '8', '/dev/loop');
      await served.said(/waits for the loop/);
      expect(await mounted.sh('echo mounted > dev/loop; cat proc/misc')).toEqual({
        status: 0,
        stdout: '257 memory\n256 loop\n',
        stderr: '',
      });
      expect((await reader.ended).stdout).toBe('mounted\n');
      const waiting = mounted.start('exec head -c 6 dev/loop');
      await served.said(/(waits for the loop.*[\s\S]*){2}/);
      expect((await run(socket, 'sh', '-c', 'echo native > /dev/loop').ended).status).toBe(0);
      expect((await waiting.ended).stdout).toBe('native');
      expect(await mounted.end()).toBe(0);
      expect(mounted.stderr).toBe(`ioctopus: the machine at ${socket} is mounted at ${mounted.folder}; Ctrl-C unmounts it\n`);
    });

    test('several mounts at a time, and again', async () => {
      const places = [newFolder(), newFolder()];
      const mounts = await Promise.all(places.map(mount));
      expect(await mounts[0]?.sh('mkdir work; echo text > work/file')).toMatchObject({ status: 0, stderr: '' });
      expect((await mounts[1]?.sh('cat work/file'))?.stdout).toBe('text\n');
      for (const each of mounts) expect(await each.end()).toBe(0);
      const again = await mount(places[0] as string);
      expect((await again.sh('cat work/file; cat README'))?.stdout).toMatch(
        new RegExp(`^text\n[\\s\\S]*ioctopus run --connect ${socket} -- COMMAND`),
      );
      expect(await again.end()).toBe(0);
    });

    test('the end of one that is busy ends its calls, and only those', async () => {
      const mounted = await mount(newFolder());
      const waiting = mounted.start('exec cat dev/loop');
      await served.said(/waits for the loop/);
      const holding = mounted.start('exec 3< dev/memory; cd dev; echo ready; read x');
      await holding.shows('ready\n');
      expect(await mounted.end()).toBe(0);
      expect(await waiting.ended).toMatchObject({ status: 1, stderr: 'cat: dev/loop: No such device\n' });
      expect(isMounted(mounted.folder)).toBe(false);
      holding.child.stdin?.end('go\n');
      await holding.ended;
      expect((await run(socket, 'sh', '-c', 'echo x > /dev/loop; head -c 1 /dev/loop').ended).stdout).toBe('x');
    });

    test('a reader of a mount can be killed, and takes nothing', async () => {
      const mounted = await mount(newFolder());
      const waiting = mounted.start('exec cat dev/loop');
      await served.said(/waits for the loop/);
      waiting.child.kill('SIGKILL');
      expect(await waiting.ended).toMatchObject({ signal: 'SIGKILL' });
      expect((await mounted.sh('echo kept > dev/loop; head -c 4 dev/loop')).stdout).toBe('kept');
      expect(await mounted.end()).toBe(0);
    });

    test.each(['SIGTERM', 'SIGKILL'] as const)('%s of the server unmounts them', async (signal) => {
      const mounted = await mount(newFolder());
      const waiting = mounted.start('exec cat dev/loop');
      await served.said(/waits for the loop/);
      const ended = mounted.ended();
      await served.end(signal);
      // Its close(2) comes to a mount that is there no more, or has not gone yet.
      const stderr = expect.stringMatching(/^cat: dev\/loop: No such device\n(cat: dev\/loop: Transport endpoint is not connected\n)?$/);
      expect(await waiting.ended).toMatchObject({ status: 1, stderr });
      expect(await ended).toBe(1);
      expect(isMounted(mounted.folder)).toBe(false);
      expect(mounted.stderr).toContain(`ioctopus: the server at ${socket} has ended\n`);
    });

    test('SIGKILL of a mount: its files are released, and the next takes the dead mount away', async () => {
      const place = newFolder();
      const first = await mount(place);
      await first.sh('exec 3< dev/memory');
      expect(await first.end('SIGKILL')).toBe('SIGKILL');
      const second = await mount(place);
      expect((await second.sh('ls dev')).stdout).toBe('loop\nmemory\n');
      expect(await second.end()).toBe(0);
    });

    test('with a command, which has the machine natively, too', async () => {
      const place = newFolder();
      const script = `echo natively > /dev/loop; head -c 8 ${place}/dev/loop; exit 7`;
      expect(await command('mount', place, '--connect', socket, '--', 'sh', '-c', script).ended).toEqual({
        status: 7,
        stdout: 'natively',
        stderr: '',
      });
      expect(isMounted(place)).toBe(false);
    });
  });
});

describe.skipIf(!hasCompiler)('what cannot be served is refused in one line', () => {
  const refusals: readonly (readonly [name: string, make: () => string, said: (path: string) => string])[] = [
    [
      'a path where something else is',
      () => {
        writeFileSync(join(folder, 'file'), 'text');
        return join(folder, 'file');
      },
      (path) => `${path} is there already, and is no socket; choose another path`,
    ],
    [
      'a folder that does not exist',
      () => join(folder, 'none/s'),
      (path) => `${join(path, '..')} does not exist; make it: mkdir -p ${join(path, '..')}`,
    ],
    ['a path that is too long', () => join(folder, 'x'.repeat(120)), (path) => `${path} is too long for a socket: 107 bytes at most`],
  ];
  test.each(refusals)('%s', async (_name, make, said) => {
    const path = make();
    expect(await command('serve', '--socket', path).ended).toEqual({ status: 125, stdout: '', stderr: `ioctopus: ${said(path)}\n` });
    if (existsSync(path)) expect(readFileSync(path, 'utf8')).toBe('text');
  });

  test('a board that there is not', async () => {
    const socket = newSocket();
    expect((await command('serve', '--socket', socket, '--board', 'nowhere').ended).stderr).toMatch(/^ioctopus: no board "nowhere"; .*\n$/);
    expect(existsSync(socket)).toBe(false);
  });
});

test.skipIf(!hasCompiler)('a served machine can warp: time jumps while the programs that have joined only wait', async () => {
  const socket = newSocket();
  const served = await Served.make(socket, { options: ['--time', 'warp'] });
  const { status, stdout } = await run(socket, 'sh', '-c', 'sleep 100000; sleep 100000; echo done').ended;
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'done\n' });
  expect(await served.end()).toBe(0);
});

describe('ioctopus ls', () => {
  test('shows the nodes of a board, or what is at a path', async () => {
    expect((await command('ls').ended).stdout).toMatch(/^crw------- root root +\d+:\d+ \/dev\/dma_heap\/system dma_heap$/m);
    expect((await command('ls', '/sys/class/misc', '--board', LOOPBACK).ended).stdout).toBe(
      'lrwxrwxrwx root root 0 loop -> ../../devices/virtual/misc/loop\nlrwxrwxrwx root root 0 memory -> ../../devices/virtual/misc/memory\n',
    );
    expect((await command('ls', '/proc/misc', '--board', LOOPBACK).ended).stdout).toBe('-r--r--r-- root root 0 /proc/misc\n');
  });

  test('says so when there is no such path', async () => {
    expect(await command('ls', '/nothing').ended).toEqual({
      status: 125,
      stdout: '',
      stderr: 'ioctopus: /nothing: ENOENT: there is no nothing in /\n',
    });
  });
});

test.each([
  ['run', '--board', 'generic', '--', 'true'],
  ['run', '--seed', '2', '--', 'true'],
  ['run', '--time', 'warp', '--', 'true'],
  ['run', '--strace', '--', 'true'],
  ['mount', '--board', 'generic', '/tmp/x'],
  ['ls', '--board', 'generic'],
])('ioctopus %s --connect refuses %s, which the server chooses', async (name, ...rest) => {
  const { status, stderr } = await command(name, '--connect', '/tmp/s', ...rest).ended;
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^error: option '--connect <socket>' cannot be used with option '--\w+/),
  });
});
