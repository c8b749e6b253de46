/** fs/kernfs/file.c and fs/sysfs/file.c: what an open file and an open folder of kernfs do. */
import { Errno } from '../../abi/index.ts';
import { DEFAULT_POLLMASK, PAGE_SIZE, POLLERR, POLLPRI } from '../../abi/uapi/index.ts';
import {
  type BinaryAttribute,
  type File,
  type FileOperations,
  FMODE_READ,
  FMODE_WRITE,
  finish,
  type Kernel,
  type Position,
  type Task,
  type UserBuffer,
} from '../../kernel/index.ts';
import { type Dentry, dentryOf } from '../dentry.ts';
import { directoryOperations } from '../directory-file.ts';
import type { TreeInode } from '../tree-inode.ts';
import { type Content, type KernfsFile, POSITION_MAX } from './kernfs-node.ts';
import { genericSeek } from './seek.ts';
import { SeqFile, single } from './seq-file.ts';

/** `struct kernfs_open_file`. The lock of the text is the one that stores hold, too. */
interface Opened {
  readonly seq: SeqFile;
  /** The last notification that a read has seen. */
  event: number;
}

const nodeOf = (file: File) => file.inode as KernfsFile;

/**
 * KERNFS_ROOT_EXTRA_OPEN_PERM_CHECK: rights that root's do not replace.
 *
 * @throws Errno EACCES when the mode lacks the right for everybody, or nothing is behind it
 */
function checkOpen(file: File, node: KernfsFile): void {
  const mayWrite = (node.mode & 0o222) !== 0 && node.canWrite;
  const mayRead = (node.mode & 0o444) !== 0 && node.canRead;
  if ((file.mode & FMODE_WRITE) !== 0 && !mayWrite) throw new Errno('EACCES', `${file.path} cannot be written`);
  if ((file.mode & FMODE_READ) !== 0 && !mayRead) throw new Errno('EACCES', `${file.path} cannot be read`);
}

function* show(file: File<Opened>, task: Task): Kernel<string> {
  const node = nodeOf(file);
  node.assertActive();
  file.private.event = node.event;
  if (node.content.kind !== 'text' || node.content.attribute.show === undefined) throw new Errno('EIO', 'nothing is shown');
  const text = yield* finish(node.content.attribute.show(task));
  if (text.length < PAGE_SIZE) return text;
  task.system.log.print('warn', `fill_read_buffer: ${file.path} returned bad count`);
  return text.slice(0, PAGE_SIZE - 1);
}

/** A write as it came: where it was made does not matter for text. */
function* store(node: KernfsFile, bytes: Uint8Array, position: number, task: Task): Kernel<number> {
  node.assertActive();
  const { content } = node;
  if (content.kind === 'binary') return yield* storeBytes(content.attribute, bytes, position, task);
  if (bytes.length === 0) return 0;
  if (content.attribute.store === undefined) throw new Errno('EIO', 'nothing is stored');
  return (yield* finish(content.attribute.store(Buffer.from(bytes).toString('latin1'), task))) ?? bytes.length;
}

/** sysfs_kf_bin_write. */
function* storeBytes({ size = 0, write }: BinaryAttribute, bytes: Uint8Array, position: number, task: Task): Kernel<number> {
  if (size > 0 && position >= size) throw new Errno('EFBIG', `the file has ${size} bytes`);
  const taken = size > 0 ? bytes.subarray(0, size - position) : bytes;
  if (taken.length === 0) return 0;
  if (write === undefined) throw new Errno('EIO', 'the file cannot be written');
  return (yield* finish(write(taken, position, task))) ?? taken.length;
}

/** sysfs_kf_bin_read. */
function* showBytes({ size = 0, read }: BinaryAttribute, position: number, wanted: number, task: Task): Kernel<Uint8Array> {
  const count = size > 0 ? Math.min(wanted, size - position) : wanted;
  if (count <= 0) return new Uint8Array(0);
  if (read === undefined) throw new Errno('EIO', 'the file cannot be read');
  return (yield* finish(read(position, count, task))).subarray(0, count);
}

const operations: FileOperations<Opened> = {
  open(file) {
    const node = nodeOf(file);
    checkOpen(file, node);
    node.assertActive();
    file.private = {
      seq: new SeqFile(
        file,
        single((reader) => show(file, reader)),
      ),
      event: 0,
    };
    if ((file.mode & FMODE_WRITE) === 0) file.makeUnwritableAt();
  },

  read(file, to, at, task) {
    const { content } = nodeOf(file);
    return content.kind === 'text' ? file.private.seq.read(to, at, task) : readBytes(file, content.attribute, to, at, task);
  },

  *write(file, from, at, task) {
    const bytes = yield* from.take(Math.min(from.remaining, PAGE_SIZE));
    const { lock } = file.private.seq;
    yield* lock.lock();
    try {
      const taken = yield* store(nodeOf(file), bytes, at.position, task);
      at.position += taken;
      return taken;
    } finally {
      lock.unlock();
    }
  },

  readIter: true,
  writeIter: true,

  llseek: (file, offset, whence) => genericSeek(file, offset, whence, POSITION_MAX),

  poll(file, table) {
    const node = nodeOf(file);
    if (!node.isActive) return DEFAULT_POLLMASK | POLLERR | POLLPRI;
    table.wait(node.changed);
    return node.event === file.private.event ? DEFAULT_POLLMASK : DEFAULT_POLLMASK | POLLERR | POLLPRI;
  },

  fsync() {},

  truncate: (file, length) => nodeOf(file).truncate(length),
};

function* readBytes(file: File<Opened>, attribute: BinaryAttribute, to: UserBuffer, at: Position, task: Task): Kernel<number> {
  const node = nodeOf(file);
  const { lock } = file.private.seq;
  yield* lock.lock();
  let bytes: Uint8Array;
  try {
    node.assertActive();
    file.private.event = node.event;
    bytes = yield* showBytes(attribute, at.position, Math.min(to.remaining, PAGE_SIZE), task);
  } finally {
    lock.unlock();
  }
  const done = bytes.length === 0 ? 0 : yield* to.put(bytes);
  if (done < bytes.length) throw new Errno('EFAULT', 'not all bytes could be written');
  at.position += done;
  return done;
}

const operationsWithMmap: FileOperations<Opened> = {
  ...operations,
  mmap(file, vma, task) {
    const node = nodeOf(file);
    node.assertActive();
    if (node.content.kind === 'binary') return node.content.attribute.mmap?.(vma, task);
  },
};

/** Only a file with memory behind it can be mapped. */
export function operationsOf(content: Content): FileOperations {
  return content.kind === 'binary' && content.attribute.mmap !== undefined ? operationsWithMmap : operations;
}

const { fsync: _, ...withoutFsync } = directoryOperations;

/** kernfs_dir_fops: a folder that is gone lists nothing but itself. */
export const kernfsDirectoryOperations: FileOperations = {
  ...withoutFsync,
  llseek: (file, offset, whence) => genericSeek(file, offset, whence, POSITION_MAX),
  readdir(file) {
    (file.inode as TreeInode).accessed(file);
    return [...(dentryOf(file) as Dentry).entries()];
  },
};
