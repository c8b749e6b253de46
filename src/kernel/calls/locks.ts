import { type Decoded, Errno } from '../../abi/index.ts';
import {
  F_GETLK,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_RDLCK,
  F_SETLKW,
  F_UNLCK,
  F_WRLCK,
  flock as flockLayout,
  LOCK_EX,
  LOCK_MAND,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../../abi/uapi/index.ts';
import type { Kernel, MaybeKernel } from '../colour.ts';
import { type File, FMODE_READ, FMODE_WRITE } from '../file.ts';
import { FileLocks, type RecordLock } from '../file-locks.ts';
import type { Task } from '../task.ts';
import { takeStruct } from '../user-memory.ts';
import { wait } from '../wait.ts';
import { holding } from './io.ts';
import { fileOf } from './lookup.ts';

const OFFSET_MAX = 2n ** 63n - 1n;
const TYPES: Readonly<Record<number, number>> = { [LOCK_SH]: F_RDLCK, [LOCK_EX]: F_WRLCK, [LOCK_UN]: F_UNLCK };

function locksOf(file: File): FileLocks {
  file.inode.locks ??= new FileLocks();
  return file.inode.locks;
}

/** flock(2). @throws Errno EINVAL for an unknown operation; EBADF, also for access mode 3; EAGAIN with LOCK_NB; ERESTARTSYS */
export function flock(task: Task, fd: number, operation: number): MaybeKernel<number> {
  if ((operation & LOCK_MAND) !== 0) return 0;
  const type = TYPES[operation & ~LOCK_NB];
  if (type === undefined) throw new Errno('EINVAL', `operation ${operation} is unknown`);
  const file = fileOf(task, fd);
  if (type !== F_UNLCK && (file.mode & (FMODE_READ | FMODE_WRITE)) === 0) throw new Errno('EBADF', 'open neither to read nor to write');
  const locks = locksOf(file);
  if (locks.tryFlock(file, type)) return 0;
  if ((operation & LOCK_NB) !== 0) throw new Errno('EAGAIN', 'somebody else has locked the file');
  return holding(file, waitForFlock(locks, file, type));
}

function* waitForFlock(locks: FileLocks, file: File, type: number): Kernel<number> {
  yield* wait(locks.released, () => locks.tryFlock(file, type));
  return 0;
}

type Flock = Decoded<typeof flockLayout>;

/** flock_to_posix_lock. @throws Errno EINVAL, EOVERFLOW */
function recordOf(task: Task, file: File, value: Flock, ofFile: boolean): RecordLock {
  const bases: Readonly<Record<number, bigint>> = {
    [SEEK_SET]: 0n,
    [SEEK_CUR]: BigInt(file.position),
    [SEEK_END]: BigInt(file.inode.size),
  };
  const base = bases[value.l_whence];
  if (base === undefined) throw new Errno('EINVAL', `whence ${value.l_whence} is unknown`);
  if (value.l_start > OFFSET_MAX - base) throw new Errno('EOVERFLOW', 'the range begins too far behind');
  let start = base + value.l_start;
  if (start < 0n) throw new Errno('EINVAL', 'the range begins before the file');
  let end = OFFSET_MAX;
  if (value.l_len > 0n) {
    if (value.l_len - 1n > OFFSET_MAX - start) throw new Errno('EOVERFLOW', 'the range ends too far behind');
    end = start + value.l_len - 1n;
  } else if (value.l_len < 0n) {
    if (start + value.l_len < 0n) throw new Errno('EINVAL', 'the range begins before the file');
    end = start - 1n;
    start += value.l_len;
  }
  if (value.l_type !== F_RDLCK && value.l_type !== F_WRLCK && value.l_type !== F_UNLCK)
    throw new Errno('EINVAL', `lock type ${value.l_type} is unknown`);
  return { owner: ofFile ? file : task.lockOwner, pid: ofFile ? -1 : task.tgid, type: value.l_type, start, end };
}

/** F_GETLK and F_OFD_GETLK. @throws Errno EFAULT, EINVAL, EOVERFLOW */
function* getLock(task: Task, file: File, command: number, address: number): Kernel<number> {
  const copy = yield* takeStruct(task.memory, flockLayout, address);
  const ofFile = command === F_OFD_GETLK;
  if (!ofFile && copy.value.l_type !== F_RDLCK && copy.value.l_type !== F_WRLCK) throw new Errno('EINVAL', 'only locks can be tested for');
  const wanted = recordOf(task, file, copy.value, ofFile);
  if (ofFile && copy.value.l_pid !== 0) throw new Errno('EINVAL', 'l_pid is not 0');
  const found = file.inode.locks?.conflict(wanted);
  if (found === undefined) {
    yield* copy.giveBack({ l_type: F_UNLCK });
    return 0;
  }
  const length = found.end === OFFSET_MAX ? 0n : found.end - found.start + 1n;
  yield* copy.giveBack({ l_type: found.type, l_whence: SEEK_SET, l_start: found.start, l_len: length, l_pid: found.pid });
  return 0;
}

/**
 * Record locks of fcntl(2). A program that waits for itself in a ring waits for ever: EDEADLK is not looked for.
 *
 * @throws Errno EFAULT; EINVAL and EOVERFLOW for the range; EBADF when it is not open for that; EAGAIN; ERESTARTSYS
 */
export function* recordLock(task: Task, file: File, command: number, address: number): Kernel<number> {
  if (command === F_GETLK || command === F_OFD_GETLK) return yield* getLock(task, file, command, address);
  const copy = yield* takeStruct(task.memory, flockLayout, address);
  const ofFile = command === F_OFD_SETLK || command === F_OFD_SETLKW;
  const wanted = recordOf(task, file, copy.value, ofFile);
  const right = wanted.type === F_RDLCK ? FMODE_READ : wanted.type === F_WRLCK ? FMODE_WRITE : 0;
  if ((file.mode & right) !== right) throw new Errno('EBADF', 'not open for that');
  if (ofFile && copy.value.l_pid !== 0) throw new Errno('EINVAL', 'l_pid is not 0');
  const locks = locksOf(file);
  if (locks.conflict(wanted) !== undefined) {
    if (command !== F_SETLKW && command !== F_OFD_SETLKW) throw new Errno('EAGAIN', 'somebody else has locked it');
    yield* wait(locks.released, () => locks.conflict(wanted) === undefined);
  }
  locks.apply(wanted);
  return 0;
}

/** filp_flush: whichever descriptor of a file a process closes, its record locks on that file end. */
export function dropRecordLocks(task: Task, file: File): void {
  file.inode.locks?.dropOwner(task.lockOwner);
}
