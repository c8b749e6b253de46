import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/compiler.ts';
import { hasFuse, isMounted, Mounted } from '../support/fuse.ts';
import { cli, LOOPBACK } from '../support/paths.ts';
import { start } from '../support/run.ts';

const folder = temporaryFolder();
const emptyFolder = () => mkdtempSync(join(folder, 'mount-'));
const mount = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => start(process.execPath, [cli, 'mount', ...args], { env }).ended;
const isRoot = process.getuid?.() === 0;

describe.skipIf(!hasFuse)('the end of a mount', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('by %s', async (signal) => {
    const mounted = await Mounted.make({ folder: emptyFolder() });
    expect(isMounted(mounted.folder)).toBe(true);
    expect(await mounted.end(signal)).toBe(0);
    expect(isMounted(mounted.folder)).toBe(false);
    expect(readdirSync(mounted.folder)).toEqual([]);
    expect(mounted.stderr).toBe(`ioctopus: ${LOOPBACK} is mounted at ${mounted.folder}; Ctrl-C unmounts it\n`);
  });

  test('while programs wait in it, have files of it open, and stand in it', async () => {
    const mounted = await Mounted.make({ folder: emptyFolder(), options: ['--strace'] });
    const waiting = mounted.start('exec cat dev/loop');
    await mounted.said(/waits for the loop/);
    const holding = mounted.start('exec 3< dev/memory; cd dev; echo ready; read x; head -c 1 <&3 || ls .');
    await holding.shows('ready\n');
    expect(await mounted.end()).toBe(0);
    expect(await waiting.ended).toMatchObject({ status: 1, stderr: 'cat: dev/loop: No such device\n' });
    expect(isMounted(mounted.folder)).toBe(false);
    holding.child.stdin?.end('go\n');
    expect(await holding.ended).toMatchObject({
      stdout: 'ready\n',
      stderr: expect.stringMatching(/not connected|Software caused connection abort/),
    });
    expect(mounted.stderr).not.toMatch(/^ioctopus: (?!.*is mounted at)/m);
  });

  test('by somebody who unmounts it', async () => {
    const mounted = await Mounted.make({ folder: emptyFolder() });
    const closed = new Promise((resolve) => mounted.process.once('close', resolve));
    expect(spawnSync(isRoot ? 'umount' : 'fusermount', [...(isRoot ? [] : ['-u']), mounted.folder]).status).toBe(0);
    expect(await closed).toBe(0);
  });

  test('by SIGKILL: its next start at the folder takes the dead mount away', async () => {
    const first = await Mounted.make({ folder: emptyFolder() });
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    expect(() => statSync(first.folder)).toThrow(/ENOTCONN/);
    const second = await Mounted.make({ folder: first.folder });
    expect(await second.sh('ls dev')).toEqual({ status: 0, stdout: 'loop\nmemory\n', stderr: '' });
    expect(await second.end()).toBe(0);
    // There was no second one below.
    rmdirSync(second.folder);
  });

  test('by SIGKILL while its command waits in it: the command ends', async () => {
    const place = emptyFolder();
    const mounted = await Mounted.make({
      folder: place,
      options: ['--strace', '--', 'cat', join(place, 'dev/loop')],
      ready: /waits for the loop/,
    });
    // Its output ends with the last process that has it.
    expect(await mounted.end('SIGKILL')).toBe('SIGKILL');
    expect(mounted.stderr).toMatch(/cat: .*: (Software caused connection abort|Transport endpoint is not connected)\n/);
    expect(await mount([place, '--', 'ls', place])).toMatchObject({ status: 0, stdout: 'README\ndev\nproc\nsys\n' });
  });

  test('with its command, whose exit status becomes its own', async () => {
    const place = emptyFolder();
    expect(await mount([place, '--board', LOOPBACK, '--', 'sh', '-c', `ls ${place}; exit 7`])).toEqual({
      status: 7,
      stdout: 'README\ndev\nproc\nsys\n',
      stderr: '',
    });
    expect(isMounted(place)).toBe(false);
    expect((await mount([place, '--', 'sh', '-c', 'kill -9 $$'])).status).toBe(128 + 9);
  });
});

test.skipIf(!hasFuse)('a command has one machine behind two doors', async () => {
  const place = emptyFolder();
  const script = `echo natively > /dev/loop; head -c 9 ${place}/dev/loop; echo mounted > ${place}/dev/loop; head -c 8 /dev/loop
    head -c 6 /dev/loop & head -c 6 ${place}/dev/loop & echo first > ${place}/dev/loop; echo other > /dev/loop; wait`;
  const { status, stdout, stderr } = await mount([place, '--board', LOOPBACK, '--', 'sh', '-c', script]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = stdout.split('\n');
  expect(lines.slice(0, 2)).toEqual(['natively', 'mounted']);
  expect(lines.slice(2).sort()).toEqual(['', 'first', 'other']);
});

describe.skipIf(!hasFuse)('what cannot be is refused in one line', () => {
  const refusals: readonly (readonly [name: string, make: () => string, said: (place: string) => string])[] = [
    ['no folder', () => join(folder, 'none'), (place) => `${place} does not exist; make it: mkdir -p ${place}`],
    [
      'a file',
      () => {
        writeFileSync(join(folder, 'file'), '');
        return join(folder, 'file');
      },
      (place) => `${place} is not a folder; choose an empty folder`,
    ],
    [
      'a folder with something in it',
      () => {
        const place = emptyFolder();
        mkdirSync(join(place, 'x'));
        return place;
      },
      (place) => `${place} is not empty; choose an empty folder, or make one: mkdir ${place}.machine`,
    ],
  ];
  test.each(refusals)('%s', async (_name, make, said) => {
    const place = make();
    expect(await mount([place])).toEqual({ status: 125, stdout: '', stderr: `ioctopus: ${said(place)}\n` });
  });

  test('a folder where a machine is mounted', async () => {
    const mounted = await Mounted.make({ folder: emptyFolder() });
    expect(await mount([mounted.folder])).toEqual({
      status: 125,
      stdout: '',
      stderr: `ioctopus: ${mounted.folder} is a mount already (fuse.ioctopus); end that, or choose another folder\n`,
    });
    expect(await mounted.end()).toBe(0);
  });

  test('a command that cannot be run', async () => {
    const place = emptyFolder();
    expect((await mount([place, '--', 'no-such-program'])).stderr).toBe('ioctopus: no-such-program: not found\n');
    expect(isMounted(place)).toBe(false);
  });

  test('a host without libfuse 2', async () => {
    const libraries = emptyFolder();
    writeFileSync(join(libraries, 'libfuse.so.2'), 'not a library, but found first\n');
    const { status, stderr } = await mount([emptyFolder()], { LD_LIBRARY_PATH: libraries });
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr: expect.stringMatching(/^ioctopus: libfuse 2 cannot be loaded \(.*\); install it \(Debian: apt-get install libfuse2; .*\)\n$/),
    });
  });

  test.skipIf(!isRoot)('a host without /dev/fuse', async () => {
    const script = `mount -t tmpfs none /dev && exec ${process.execPath} ${cli} mount ${emptyFolder()}`;
    expect(await start('unshare', ['-m', 'sh', '-c', script]).ended).toEqual({
      status: 125,
      stdout: '',
      stderr: expect.stringMatching(/^ioctopus: \/dev\/fuse: ENOENT; load the module \(as root: modprobe fuse\); .*\n$/),
    });
  });
});
