import { describe, expect, it } from 'vitest';
import { O_RDONLY, O_RDWR, O_WRONLY, POLLERR, POLLIN, POLLPRI } from '../../src/abi/uapi/index.ts';
import { boot, Errno } from '../../src/index.ts';
import { type Attribute, type SysfsDirectory, type System, sleep } from '../../src/kernel/index.ts';
import { board } from '../support/boards.ts';
import { Fixture, STRANGER } from '../vfs/fixture.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** A machine with a folder of sysfs to fill. */
function withFolder() {
  const fixture = new Fixture();
  const folder = fixture.machine.system.deviceModel.kernel.createDirectory('test');
  return { fixture, folder, sys: fixture.sys, at: (name: string) => `/sys/kernel/test/${name}` };
}

describe('a text attribute', () => {
  it('is shown anew by each read from the beginning, and only then', () => {
    const { folder, sys, at } = withFolder();
    let shown = 0;
    folder.createFile({ name: 'count', mode: 0o444, show: () => `${++shown}23456\n` });
    const fd = sys.open(at('count'));
    expect(text(sys.read(fd, 3))).toBe('123');
    expect(text(sys.read(fd, 100))).toBe('456\n');
    expect(text(sys.pread(fd, 100, 0))).toBe('223456\n');
    // Another position than the last read's end: the text is made again to find it.
    expect(text(sys.pread(fd, 100, 4))).toBe('56\n');
    expect(shown).toBe(3);
  });

  it('may wait before it shows or stores', () => {
    const { folder, fixture, sys, at } = withFolder();
    const stored: string[] = [];
    folder.createFile({
      name: 'slow',
      mode: 0o644,
      *show() {
        yield* sleep(5e6);
        return 'done\n';
      },
      *store(written) {
        yield* sleep(7e6);
        stored.push(written);
      },
    });
    const fd = sys.open(at('slow'), O_RDWR);
    const start = fixture.machine.system.now();
    expect(text(sys.read(fd, 100))).toBe('done\n');
    expect(sys.write(fd, 'on')).toBe(2);
    expect(stored).toEqual(['on']);
    expect(fixture.machine.system.now() - start).toBe(12e6);
  });

  it('shows less than a page, and says so in the log when it would not', () => {
    const { folder, fixture, sys, at } = withFolder();
    folder.createFile({ name: 'long', mode: 0o444, show: () => 'x'.repeat(5000) });
    expect(sys.read(sys.open(at('long')), 10_000)).toHaveLength(4095);
    expect(fixture.machine.system.log.lines.at(-1)?.text).toContain('bad count');
  });

  it('answers with what store took, or its error', () => {
    const { folder, fixture, sys, at } = withFolder();
    folder.createFile({
      name: 'some',
      mode: 0o200,
      store(written) {
        if (written === 'no') throw new Errno('ERANGE', 'not that');
        return 2;
      },
    });
    const fd = sys.open(at('some'), O_WRONLY);
    expect(sys.write(fd, 'abcd')).toBe(2);
    expect(sys.lseek(fd, 0, 1)).toBe(2);
    expect(fixture.errorOf(() => sys.write(fd, 'no'))).toBe('ERANGE');
    expect(sys.lseek(fd, 0, 1)).toBe(2);
  });

  it('without operations is EIO', () => {
    const { folder, fixture, sys, at } = withFolder();
    folder.createFile({ name: 'none', mode: 0o666 });
    const fd = sys.open(at('none'), O_RDWR);
    expect(fixture.errorOf(() => sys.read(fd, 1))).toBe('EIO');
    expect(fixture.errorOf(() => sys.write(fd, 'x'))).toBe('EIO');
    expect(sys.write(fd, '')).toBe(0);
  });

  it('wakes who polls it when the driver notifies', () => {
    const { folder, fixture, sys, at } = withFolder();
    const { system } = fixture.machine;
    folder.createFile({ name: 'state', mode: 0o444, show: () => 'offline\n' });
    const fd = sys.open(at('state'));
    sys.read(fd, 100);
    system.clock.schedule(3e6, 'a change', () => folder.notify('state'));
    const start = system.now();
    expect(sys.poll([{ fd, events: POLLPRI }], -1)).toEqual([POLLPRI | POLLERR]);
    expect(system.now() - start).toBe(3e6);
    expect(sys.poll([{ fd, events: POLLPRI }], 0)).toEqual([POLLPRI | POLLERR]);
    sys.pread(fd, 100, 0);
    expect(sys.poll([{ fd, events: POLLPRI }], 0)).toEqual([0]);
  });

  it('wakes who polls it when it goes', () => {
    const { folder, fixture, sys, at } = withFolder();
    folder.createFile({ name: 'state', mode: 0o444, show: () => 'x' });
    const fd = sys.open(at('state'));
    sys.read(fd, 100);
    fixture.machine.system.clock.schedule(1e6, 'its end', () => folder.remove('state'));
    expect(sys.poll([{ fd, events: POLLPRI | POLLIN }], -1)).toEqual([POLLIN]);
    expect(sys.poll([{ fd, events: POLLPRI }], -1)).toEqual([POLLPRI | POLLERR]);
    expect(fixture.errorOf(() => sys.read(fd, 1))).toBe('ok');
    expect(fixture.errorOf(() => sys.pread(fd, 1, 0))).toBe('ENODEV');
  });

  it('is kept with the mode and owner that a program gave it', () => {
    const { folder, fixture, sys, at } = withFolder();
    folder.createFile({ name: 'value', mode: 0o600, show: () => 'x' });
    const stranger = fixture.sysAs(STRANGER);
    expect(fixture.errorOf(() => stranger.open(at('value')))).toBe('EACCES');
    sys.chown(at('value'), STRANGER.uid, STRANGER.gid);
    expect(text(stranger.read(stranger.open(at('value')), 1))).toBe('x');
  });
});

describe('a binary attribute', () => {
  const bytes = Uint8Array.from({ length: 10 }, (_, index) => index);
  const file = { name: 'bytes', mode: 0o644, size: 10 };

  it('is read and written at offsets up to its size', () => {
    const { folder, fixture, sys, at } = withFolder();
    const content = bytes.slice();
    folder.createBinaryFile({
      ...file,
      read: (offset, length) => content.subarray(offset, offset + length),
      write: (written, offset) => content.set(written, offset),
    });
    const fd = sys.open(at('bytes'), O_RDWR);
    expect(sys.fstat(fd).size).toBe(10);
    expect([...sys.read(fd, 4)]).toEqual([0, 1, 2, 3]);
    expect([...sys.read(fd, 100)]).toEqual([4, 5, 6, 7, 8, 9]);
    expect(sys.read(fd, 100)).toHaveLength(0);
    expect(sys.pwrite(fd, Uint8Array.of(9, 9, 9), 8)).toBe(2);
    expect([...sys.pread(fd, 4, 6)]).toEqual([6, 7, 9, 9]);
    expect(fixture.errorOf(() => sys.pwrite(fd, 'x', 10))).toBe('EFBIG');
  });

  it('can be mapped where it shows memory', () => {
    const { folder, fixture, sys, at } = withFolder();
    const memory = fixture.machine.system.memory.allocate(4096, 'registers');
    memory.bytes()[5] = 7;
    folder.createBinaryFile({
      name: 'resource0',
      mode: 0o600,
      size: 4096,
      mmap(vma) {
        vma.backing = [{ memory, offset: vma.offset, length: vma.length }];
      },
    });
    const fd = sys.open(at('resource0'), O_RDWR);
    const mapping = sys.mmap(fd, { length: 4096 });
    expect(mapping.bytes[5]).toBe(7);
    expect(fixture.errorOf(() => sys.read(fd, 1))).toBe('EIO');
    sys.munmap(mapping);
    folder.remove('resource0');
    expect(fixture.errorOf(() => sys.mmap(fd, { length: 4096 }))).toBe('ENODEV');
    memory.put();
  });
});

describe('a folder', () => {
  const empty = (name: string): Attribute => ({ name, mode: 0o444, show: () => '' });

  it('goes on being listed whatever comes and goes', () => {
    const { folder, sys } = withFolder();
    const names = Array.from({ length: 30 }, (_, index) => `file${index}`);
    for (const name of names) folder.createFile(empty(name));
    const fd = sys.open('/sys/kernel/test');
    const seen: string[] = [];
    for (let round = 0; ; round++) {
      const { entries } = sys.getdents64(fd, 120);
      if (entries.length === 0) break;
      seen.push(...entries.map(({ name }) => name));
      for (const { name } of entries) if (name.startsWith('file')) folder.remove(name);
      folder.createFile(empty(`new${round}`));
    }
    expect(seen.filter((name) => name.startsWith('file')).sort()).toEqual([...names].sort());
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('takes groups of attributes and gives them back', () => {
    const { folder, fixture, sys, at } = withFolder();
    const own = { attributes: [empty('a')], binaryAttributes: [{ name: 'b', mode: 0o444 }] };
    const named = { name: 'more', attributes: [empty('c')] };
    folder.createGroup(own);
    folder.createGroup(named);
    expect(sys.stat(at('more/c')).size).toBe(4096);
    const fd = sys.open(at('more/c'));
    folder.removeGroup(named);
    folder.removeGroup(own);
    expect(fixture.errorOf(() => sys.read(fd, 1))).toBe('ENODEV');
    expect(sys.getdents(sys.open('/sys/kernel/test')).map(({ name }) => name)).toEqual(['.', '..']);
  });

  it('refuses a name twice, and anything once it is gone', () => {
    const { folder, fixture } = withFolder();
    const inner: SysfsDirectory = folder.createDirectory('inner');
    expect(fixture.errorOf(() => folder.createFile(empty('inner')))).toBe('EEXIST');
    folder.remove('inner');
    expect(fixture.errorOf(() => inner.createFile(empty('x')))).toBe('ENOENT');
  });
});

describe('programs', () => {
  it('hand a value to a driver and wait for its answer', async () => {
    let folder: SysfsDirectory | undefined;
    const start = (system: System) => {
      let state = 'offline';
      folder = system.deviceModel.kernel.createDirectory('engine');
      folder.createFile({
        name: 'state',
        mode: 0o644,
        show: () => `${state}\n`,
        *store(written) {
          yield* sleep(1e6);
          state = written.trim();
          folder?.notify('state');
        },
      });
    };
    const machine = boot(board(({ system }) => start(system)));
    const path = '/sys/kernel/engine/state';
    const watcher = machine.spawn(function* (sys) {
      const fd = yield* sys.open(path, O_RDONLY);
      const seen = [text(yield* sys.read(fd, 100))];
      while (seen.at(-1) !== 'running\n') {
        yield* sys.poll([{ fd, events: POLLPRI }]);
        seen.push(text(yield* sys.pread(fd, 100, 0)));
      }
      yield* sys.close(fd);
      return seen;
    });
    machine.spawn(function* (sys) {
      const fd = yield* sys.open(path, O_WRONLY);
      for (const state of ['start', 'running']) {
        yield* sys.write(fd, state);
        yield* sys.nanosleep(2e6);
      }
      yield* sys.close(fd);
    });
    await machine.run();
    expect(watcher.result()).toEqual(['offline\n', 'start\n', 'running\n']);
    machine.shutdown();
  });
});
