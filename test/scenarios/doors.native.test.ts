import type * as fs from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type BootedMachine, boot, connect, type RemoteSys } from '../../src/index.ts';
import { hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { hasFuse, Mounted } from '../support/fuse.ts';
import loopback from '../support/loopback-board.ts';
import { LOOPBACK, root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';
import { Served } from '../support/served.ts';
import { answers, DOORS, type Door, type DoorName, fsDoor, ROWS } from './table.ts';

const folder = temporaryFolder();
const latin1 = new TextDecoder('latin1');

/** The calls of a task: by `await` of a promise, or of what is there at once. */
function sysDoor(sys: BootedMachine['sys'] | RemoteSys): Door {
  return {
    root: '',
    open: (path, flags) => sys.open(path, flags),
    close: async (fd) => void (await sys.close(fd)),
    read: async (fd, count, position) =>
      latin1.decode(await (position === undefined ? sys.read(fd, count) : sys.pread(fd, count, position))),
    write: (fd, text, position) => (position === undefined ? sys.write(fd, text) : sys.pwrite(fd, text, position)),
    ftruncate: async (fd, length) => void (await sys.ftruncate(fd, length)),
    stat: (path) => sys.stat(path),
    async readdir(path) {
      const fd = await sys.open(path);
      const names = (await sys.getdents(fd)).map(({ name }) => name);
      await sys.close(fd);
      return names.filter((name) => name !== '.' && name !== '..').sort();
    },
    mkdir: async (path) => void (await sys.mkdir(path)),
    rmdir: async (path) => void (await sys.rmdir(path)),
    unlink: async (path) => void (await sys.unlink(path)),
    rename: async (from, to) => void (await sys.rename(from, to)),
    symlink: async (target, path) => void (await sys.symlink(target, path)),
    readlink: (path) => sys.readlink(path),
    chmod: async (path, mode) => void (await sys.chmod(path, mode)),
    truncate: async (path, length) => void (await sys.truncate(path, length)),
  };
}

const command = (name: DoorName, before: string) => [
  process.execPath,
  '--import',
  'tsx',
  join(root, 'test/scenarios/program.ts'),
  name,
  before,
];

/** Everything that a door answers, row by row. */
const columns: Readonly<Record<DoorName, () => Promise<unknown[]>>> = {
  'in process': () => answers('in process', sysDoor(boot(loopback).sys)),
  'node:fs': () => answers('node:fs', fsDoor(boot(loopback).fs as unknown as typeof fs, '')),
  natively: async () => {
    const { stdout, stderr } = await runNative(command('natively', ''), { options: ['--board', LOOPBACK] });
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  },
  mount: async () => {
    const mounted = await Mounted.make();
    const { stdout, stderr } = await mounted.sh(`cd ${root} && ${command('mount', mounted.folder).join(' ')}`);
    expect(stderr).toBe('');
    expect(await mounted.end()).toBe(0);
    return JSON.parse(stdout);
  },
  async connect() {
    const served = await Served.make(join(folder, 'socket'));
    const machine = await connect(served.socket);
    const all = await answers('connect', sysDoor(machine.sys));
    await machine.close();
    expect(await served.end()).toBe(0);
    return all;
  },
};

const CAN: Readonly<Record<DoorName, boolean>> = {
  'in process': true,
  'node:fs': true,
  natively: hasCompiler,
  mount: hasFuse,
  connect: hasCompiler,
};

describe.each(DOORS)('%s', (name) => {
  describe.skipIf(!CAN[name])('answers as every other door', () => {
    let given: unknown[];
    beforeAll(async () => {
      given = await columns[name]();
    });

    test.each(ROWS.map((row, index) => ({ ...row, index })).filter(({ without }) => without?.[name] === undefined))(
      '$name',
      ({ expected, index }) => {
        expect(given[index]).toEqual(expected);
      },
    );
  });
});

test('what a door cannot answer has a reason, and another door answers it', () => {
  for (const { name, without = {} } of ROWS) {
    expect(Object.keys(without).length, name).toBeLessThan(DOORS.length);
    for (const reason of Object.values(without)) expect(reason, name).toMatch(/\w+ \w+/);
  }
});
