import { describe, expect, test } from 'vitest';
import {
  F_RDLCK,
  F_SETLK,
  F_SETLKW,
  F_UNLCK,
  F_WRLCK,
  flock,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_RDWR,
} from '../../src/abi/uapi/index.ts';
import { FileLocks, type RecordLock } from '../../src/kernel/file-locks.ts';
import { bootTestDevice } from '../support/test-device.ts';

describe('flock', () => {
  test('a waiter gets the lock when the holder closes the file', () => {
    const { machine, fd } = bootTestDevice();
    const { sys } = machine;
    sys.flock(fd, LOCK_EX);
    const order: string[] = [];
    machine.spawn(function* (child) {
      const own = yield* child.open('/dev/test', O_RDWR);
      yield* child.flock(own, LOCK_SH);
      order.push('locked');
    });
    sys.nanosleep(10);
    order.push('close');
    sys.close(fd);
    sys.nanosleep(1);
    expect(order).toEqual(['close', 'locked']);
  });

  test('a copy of the descriptor has the same lock, another open file does not', () => {
    const { machine, fd } = bootTestDevice();
    const { sys } = machine;
    const other = sys.open('/dev/test', O_RDWR);
    sys.flock(sys.dup(fd), LOCK_EX);
    expect(sys.flock(fd, LOCK_EX | LOCK_NB)).toBe(0);
    expect(() => sys.flock(other, LOCK_SH | LOCK_NB)).toThrow('EAGAIN');
    sys.flock(fd, LOCK_UN);
    expect(sys.flock(other, LOCK_SH | LOCK_NB)).toBe(0);
  });
});

describe('record locks', () => {
  const owner = {};
  const lock = (type: number, start: bigint, end: bigint, of: object = owner): RecordLock => ({ owner: of, pid: 1, type, start, end });

  test('are cut and joined per owner', () => {
    const locks = new FileLocks();
    const stranger = {};
    const seen = (at: bigint) => locks.conflict(lock(F_WRLCK, at, at, stranger));
    locks.apply(lock(F_WRLCK, 0n, 99n));
    locks.apply(lock(F_UNLCK, 40n, 59n));
    expect([seen(39n)?.end, seen(40n), seen(59n), seen(60n)?.start]).toEqual([39n, undefined, undefined, 60n]);
    locks.apply(lock(F_RDLCK, 60n, 69n));
    expect([seen(65n)?.type, seen(70n)?.type]).toEqual([F_RDLCK, F_WRLCK]);
    locks.apply(lock(F_WRLCK, 40n, 69n));
    expect([seen(50n)?.start, seen(50n)?.end]).toEqual([0n, 99n]);
    expect(locks.conflict(lock(F_RDLCK, 0n, 10n))).toBeUndefined();
    locks.dropOwner(owner);
    expect(seen(0n)).toBeUndefined();
  });

  test('a waiter gets them when the other process has ended', () => {
    const { machine, fd } = bootTestDevice();
    const { sys } = machine;
    const argument = sys.allocate(flock.size);
    const ask = (type: number) => flock.encode(new DataView(argument.bytes.buffer, argument.bytes.byteOffset), 0, { l_type: type });
    ask(F_WRLCK);
    const pid = sys.fork(function* (child) {
      yield* child.fcntl(fd, F_SETLK, argument.address);
      yield* child.nanosleep(1000);
    });
    sys.nanosleep(10);
    expect(() => sys.fcntl(fd, F_SETLK, argument.address)).toThrow('EAGAIN');
    expect(sys.fcntl(fd, F_SETLKW, argument.address)).toBe(0);
    sys.waitpid(pid);
  });
});
