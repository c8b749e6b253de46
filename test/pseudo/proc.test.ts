import { describe, expect, it } from 'vitest';
import { O_RDWR } from '../../src/abi/uapi/index.ts';
import { boot } from '../../src/index.ts';
import { procfs, registerSysctl } from '../../src/vfs/index.ts';
import { board } from '../support/boards.ts';
import { Fixture, STRANGER } from '../vfs/fixture.ts';

function reader(sys: Fixture['sys']) {
  return (path: string) => {
    const fd = sys.open(path);
    const text = Buffer.from(sys.read(fd, 4096)).toString('latin1');
    sys.close(fd);
    return text;
  };
}

describe('/proc/PID', () => {
  it('shows strangers the names of tasks, not what they have open', () => {
    const fixture = new Fixture();
    const { pid } = fixture.taskOf(fixture.sys);
    const stranger = fixture.sysAs(STRANGER);
    const read = reader(stranger);
    expect(read(`/proc/${pid}/comm`)).toBe('test\n');
    expect(read(`/proc/self/status`)).toContain('Uid:\t1000\t1000\t1000\t1000\n');
    for (const path of ['fd', 'fdinfo', 'fdinfo/0', 'cwd', 'root/dev']) {
      fixture.sys.open('/');
      expect(
        fixture.errorOf(() => stranger.open(`/proc/${pid}/${path}`)),
        path,
      ).toBe('EACCES');
    }
    expect(fixture.errorOf(() => stranger.readlink(`/proc/${pid}/cwd`))).toBe('EACCES');
    expect(fixture.errorOf(() => stranger.open(`/proc/${pid}/comm`, O_RDWR))).toBe('EACCES');
    const rootRead = reader(fixture.sys);
    const stranger0 = fixture.taskOf(stranger).pid;
    expect(rootRead(`/proc/${stranger0}/comm`)).toBe('test\n');
    expect(fixture.sys.stat(`/proc/${stranger0}/status`).uid).toBe(STRANGER.uid);
    const fd = fixture.sys.open(`/proc/${stranger0}/comm`, O_RDWR);
    expect(fixture.errorOf(() => fixture.sys.write(fd, 'x'))).toBe('EINVAL');
  });

  it('goes with the task, and says so to who has it open', () => {
    const machine = boot(board());
    const { sys } = machine;
    const pid = sys.fork(function* (child) {
      yield* child.nanosleep(1e6);
    });
    const folder = sys.open(`/proc/${pid}`);
    const comm = sys.open(`/proc/${pid}/comm`);
    expect(Buffer.from(sys.read(comm, 10)).toString()).toBe('main\n');
    expect(sys.getdents(sys.open('/proc')).map(({ name }) => name)).toContain(`${pid}`);
    sys.waitpid(pid);
    const codes = [() => sys.stat(`/proc/${pid}`), () => sys.pread(comm, 1, 0), () => sys.getdents(folder)].map((call) => {
      try {
        return call();
      } catch (error) {
        return (error as { readonly code: string }).code;
      }
    });
    expect(codes).toEqual(['ENOENT', 'ESRCH', 'ENOENT']);
  });

  it('says what a descriptor knows', () => {
    const fixture = new Fixture();
    const { sys } = fixture;
    const fd = sys.open('/proc/self/comm', O_RDWR | 0o2000000);
    sys.read(fd, 2);
    const [first, second, third, ...rest] = reader(sys)(`/proc/self/fdinfo/${fd}`).split('\n');
    expect([first, second]).toEqual(['pos:\t2', 'flags:\t02100002']);
    expect(third).toMatch(/^mnt_id:\t\d+$/);
    expect(rest).toEqual([`ino:\t${sys.fstat(fd).ino}`, '']);
  });

  it('tells what is mounted where, and which mount each lies in', () => {
    const { sys } = boot(board());
    const read = reader(sys);
    const lines = read('/proc/self/mountinfo').trimEnd().split('\n');
    expect(lines.length).toBe(read('/proc/mounts').trimEnd().split('\n').length);
    const parts = lines.map((line) => line.match(/^(\d+) (\d+) \d+:\d+ \/ (\S+) rw\S* - (\S+) \S+ rw$/)?.slice(1));
    const idOf = (path: string) => parts.find((part) => part?.[2] === path)?.[0];
    expect(parts).toContainEqual([idOf('/sys/kernel/config'), idOf('/sys'), '/sys/kernel/config', 'configfs']);
    expect(parts).toContainEqual([idOf('/proc'), idOf('/'), '/proc', 'proc']);
    expect(parts[0]?.slice(1, 3)).toEqual(['1', '/']);
  });

  it('lists threads as one process', () => {
    const machine = boot(board());
    const { sys } = machine;
    const tid = sys.thread(function* (thread) {
      yield* thread.nanosleep(1e6);
    });
    expect(sys.stat(`/proc/${tid}/comm`).mode).toBe(0o100644);
    expect(sys.getdents(sys.open('/proc')).map(({ name }) => name)).not.toContain(`${tid}`);
    sys.waitpid(tid);
  });
});

describe('/proc for drivers', () => {
  it('holds their files and values until they take them away', () => {
    const { sys, machine, errorOf } = new Fixture();
    const folder = procfs(machine.system).createDirectory('driver');
    folder.createLines('lines', 0o444, () => ['one\n', 'two\n']);
    expect(reader(sys)('/proc/driver/lines')).toBe('one\ntwo\n');
    const fd = sys.open('/proc/driver/lines', O_RDWR);
    expect(errorOf(() => sys.write(fd, 'x'))).toBe('EIO');
    procfs(machine.system).remove('driver');
    expect(errorOf(() => sys.stat('/proc/driver'))).toBe('ENOENT');
    expect(errorOf(() => sys.read(fd, 1))).toBe('EIO');
    expect(errorOf(() => sys.lseek(fd, 0, 0))).toBe('EINVAL');

    const unregister = registerSysctl(machine.system, 'dev/toy', [{ name: 'speed', mode: 0o444, show: () => '7' }]);
    expect(reader(sys)('/proc/sys/dev/toy/speed')).toBe('7\n');
    expect(errorOf(() => sys.open('/proc/sys/dev/toy/speed', O_RDWR))).toBe('EACCES');
    unregister();
    expect(errorOf(() => sys.stat('/proc/sys/dev/toy/speed'))).toBe('ENOENT');
  });
});
