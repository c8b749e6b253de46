import { Errno } from '../../abi/index.ts';
import { MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_EXEC, MFD_HUGETLB, MFD_NOEXEC_SEAL, NAME_MAX } from '../../abi/uapi/index.ts';
import type { Kernel } from '../colour.ts';
import type { File } from '../file.ts';
import type { Task } from '../task.ts';
import { copyStringFromUser } from '../user-memory.ts';

const KNOWN = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC;
/** MFD_HUGE_MASK, shifted: the size of huge pages. */
const HUGE_SIZE = 0xfc00_0000;
/** MFD_NAME_MAX_LEN and the NUL: what is left of a name behind `memfd:`. */
const NAME_SIZE = NAME_MAX - 'memfd:'.length + 1;

/**
 * memfd_create(2).
 *
 * @param name address of the name
 * @returns the lowest free descriptor
 * @throws Errno EINVAL for unknown flags, or for both MFD_EXEC and MFD_NOEXEC_SEAL; EFAULT; EINVAL for a name longer than 249 bytes;
 *   EMFILE; ENOSYS for huge pages, which the machine has not
 */
export function* memfdCreate(task: Task, name: number, flags: number): Kernel<number> {
  const unknown = flags & ~KNOWN & ~((flags & MFD_HUGETLB) !== 0 ? HUGE_SIZE : 0);
  if (unknown !== 0) throw new Errno('EINVAL', `unknown flags 0x${(unknown >>> 0).toString(16)}`);
  if ((flags & MFD_EXEC) !== 0 && (flags & MFD_NOEXEC_SEAL) !== 0) throw new Errno('EINVAL', 'both executable and not');
  const bytes = yield* copyStringFromUser(task.memory, name, NAME_SIZE);
  if (bytes === undefined) throw new Errno('EINVAL', `a name has at most ${NAME_SIZE - 1} bytes`);
  const fd = yield* task.files.reserve((flags & MFD_CLOEXEC) !== 0);
  if ((flags & MFD_HUGETLB) !== 0) {
    yield* task.files.cancel(fd);
    throw new Errno('ENOSYS', 'the machine has no huge pages');
  }
  let file: File;
  try {
    file = task.system.vfs.createMemfd(task, String.fromCharCode(...bytes), flags);
  } catch (error) {
    yield* task.files.cancel(fd);
    throw error;
  }
  yield* task.files.fill(fd, file);
  return fd;
}
