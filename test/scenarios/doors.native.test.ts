import type * as fs from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type BootedMachine, boot } from '../../src/index.ts';
import { hasCompiler } from '../support/compiler.ts';
import { hasFuse, Mounted } from '../support/fuse.ts';
import loopback from '../support/loopback-board.ts';
import { LOOPBACK, root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';
import { answer, DOORS, type Door, type DoorName, fsDoor, ROWS } from './table.ts';

const utf8 = new TextDecoder('latin1');

function sysDoor({ sys }: BootedMachine): Door {
  return {
    root: '',
    open: (path, flags) => sys.open(path, flags),
    close: (fd) => void sys.close(fd),
    read: (fd, count, position) => utf8.decode(position === undefined ? sys.read(fd, count) : sys.pread(fd, count, position)),
    write: (fd, text, position) => (position === undefined ? sys.write(fd, text) : sys.pwrite(fd, text, position)),
    ftruncate: (fd, length) => void sys.ftruncate(fd, length),
    stat: (path) => sys.stat(path),
    readdir(path) {
      const fd = sys.open(path);
      const names = sys.getdents(fd).map(({ name }) => name);
      sys.close(fd);
      return names.filter((name) => name !== '.' && name !== '..').sort();
    },
    mkdir: (path) => void sys.mkdir(path),
    rmdir: (path) => void sys.rmdir(path),
    unlink: (path) => void sys.unlink(path),
    rename: (from, to) => void sys.rename(from, to),
    symlink: (target, path) => void sys.symlink(target, path),
    readlink: (path) => sys.readlink(path),
    chmod: (path, mode) => void sys.chmod(path, mode),
    truncate: (path, length) => void sys.truncate(path, length),
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
  'in process': async () => {
    const door = sysDoor(boot(loopback));
    return ROWS.map((row) => answer(row, door));
  },
  'node:fs': async () => {
    const door = fsDoor(boot(loopback).fs as unknown as typeof fs, '');
    return ROWS.map((row) => answer(row, door));
  },
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
};

const CAN: Readonly<Record<DoorName, boolean>> = { 'in process': true, 'node:fs': true, natively: hasCompiler, mount: hasFuse };

describe.each(DOORS)('%s', (name) => {
  describe.skipIf(!CAN[name])('answers as every other door', () => {
    let answers: unknown[];
    beforeAll(async () => {
      answers = await columns[name]();
    });

    test.each(ROWS.map((row, index) => ({ ...row, index })).filter(({ without }) => without?.[name] === undefined))(
      '$name',
      ({ expected, index }) => {
        expect(answers[index]).toEqual(expected);
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
