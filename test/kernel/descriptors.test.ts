import { describe, expect, test } from 'vitest';
import {
  F_DUPFD,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_NONBLOCK,
  O_RDWR,
} from '../../src/abi/uapi/index.ts';
import { boot } from '../../src/index.ts';
import { board } from '../support/boards.ts';

const openFile = (path = '/f') => {
  const machine = boot(board());
  const { sys } = machine;
  return { machine, sys, fd: sys.open(path, O_RDWR | O_CREAT) };
};

describe('descriptors', () => {
  test('the lowest free number is taken', () => {
    const { sys, fd } = openFile();
    expect([fd, sys.dup(fd), sys.dup(fd)]).toEqual([0, 1, 2]);
    sys.close(1);
    sys.close(0);
    expect([sys.dup(2), sys.dup(2), sys.dup(2)]).toEqual([0, 1, 3]);
    expect(sys.fcntl(2, F_DUPFD, 10)).toBe(10);
    expect(sys.dup(2)).toBe(4);
  });

  test('copies share position and status flags, but not close-on-exec', () => {
    const { sys, fd } = openFile();
    const copy = sys.dup(fd);
    sys.write(fd, 'abc');
    expect(sys.lseek(copy, 0, 1)).toBe(3);
    sys.fcntl(copy, F_SETFL, O_NONBLOCK | O_APPEND);
    expect(sys.fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND)).toBe(O_NONBLOCK | O_APPEND);
    sys.fcntl(copy, F_SETFD, FD_CLOEXEC);
    expect([sys.fcntl(fd, F_GETFD), sys.fcntl(copy, F_GETFD)]).toEqual([0, FD_CLOEXEC]);
  });

  test('dup2 closes what was there, and a copy onto itself changes nothing', () => {
    const { sys, fd } = openFile();
    const other = sys.open('/g', O_RDWR | O_CREAT | O_CLOEXEC);
    expect(sys.dup2(fd, other)).toBe(other);
    expect(sys.fcntl(other, F_GETFD)).toBe(0);
    expect(sys.dup2(fd, fd)).toBe(fd);
    expect(() => sys.dup3(fd, fd, 0)).toThrow('EINVAL');
    expect(sys.dup3(fd, 7, O_CLOEXEC)).toBe(7);
    expect(sys.fcntl(7, F_GETFD)).toBe(FD_CLOEXEC);
  });

  test.each([
    ['close', (sys: ReturnType<typeof openFile>['sys']) => sys.close(99), 'EBADF'],
    ['dup', (sys) => sys.dup(-1), 'EBADF'],
    ['dup2 beyond the limit', (sys) => sys.dup2(0, 1024), 'EBADF'],
    ['F_DUPFD beyond the limit', (sys) => sys.fcntl(0, F_DUPFD, 1024), 'EINVAL'],
    ['F_SETFL O_DIRECT on a socket', (sys) => sys.fcntl(sys.socketpair()[0], F_SETFL, O_DIRECT), 'EINVAL'],
    ['an unknown command', (sys) => sys.fcntl(0, 999), 'EINVAL'],
    ['dup3 with an unknown flag', (sys) => sys.dup3(0, 5, O_NONBLOCK), 'EINVAL'],
  ] as [string, (sys: ReturnType<typeof openFile>['sys']) => unknown, string][])('%s fails with its errno', (_name, call, code) => {
    expect(() => call(openFile().sys)).toThrow(code);
  });

  test('a full table is EMFILE, also before a missing file is noticed', () => {
    const { sys, fd } = openFile();
    for (let i = 1; i < 1024; i++) sys.dup(fd);
    expect(() => sys.dup(fd)).toThrow('EMFILE');
    expect(() => sys.open('/missing')).toThrow('EMFILE');
    expect(() => sys.socketpair()).toThrow('EMFILE');
    sys.close(17);
    expect(() => sys.socketpair()).toThrow('EMFILE');
    expect(sys.dup(fd)).toBe(17);
  });

  test('a file lives as long as its last copy, wherever that is', () => {
    const { machine, sys, fd } = openFile();
    const [one, other] = sys.socketpair();
    sys.sendmsg(one, 'take this', [fd]);
    sys.close(fd);
    expect(machine.system.ledger.count('file')).toBe(3);
    const { fds } = sys.recvmsg(other);
    expect(fds).toEqual([fd]);
    sys.close(fd);
    expect(machine.system.ledger.count('file')).toBe(2);
  });

  test('files in a message that nobody reads are closed with the socket', () => {
    const { machine, sys, fd } = openFile();
    const [one, other] = sys.socketpair();
    sys.sendmsg(one, '', [fd, fd]);
    for (const each of [fd, one, other]) sys.close(each);
    machine.shutdown();
  });

  test('fork copies the descriptors, and the child’s end closes them', async () => {
    const { machine, sys, fd } = openFile();
    const pid = sys.fork(function* (child) {
      yield* child.write(fd, 'from the child');
      yield* child.close(fd);
      expect(() => child.close(fd).next()).toThrow('EBADF');
    });
    expect(sys.waitpid(pid)).toEqual({ code: 0 });
    expect(sys.lseek(fd, 0, 1)).toBe(14);
    sys.close(fd);
    await machine.run();
    machine.shutdown();
  });

  test('threads share the table', async () => {
    const { machine, sys, fd } = openFile();
    const tid = sys.thread(function* (thread) {
      yield* thread.close(fd);
    });
    sys.waitpid(tid);
    expect(() => sys.close(fd)).toThrow('EBADF');
    await machine.run();
    machine.shutdown();
  });
});
