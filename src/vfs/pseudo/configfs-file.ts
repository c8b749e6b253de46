/** fs/configfs/file.c: one value of an item. */
import { Errno } from '../../abi/index.ts';
import { PAGE_SIZE, S_IFREG } from '../../abi/uapi/index.ts';
import {
  type File,
  type FileOperations,
  type FileSystem,
  FMODE_READ,
  FMODE_WRITE,
  finish,
  type Kernel,
  Mutex,
  type Stat,
  type Task,
} from '../../kernel/index.ts';
import { TreeInode } from '../tree-inode.ts';
import type { ConfigAttribute, ConfigItem } from './configfs-item.ts';
import { genericSeek } from './seek.ts';

/** s_maxbytes of configfs: MAX_NON_LFS. */
const POSITION_MAX = 0x7fffffff;

/** `struct configfs_buffer`: what was shown or written last. */
interface Opened {
  readonly lock: Mutex;
  text: Uint8Array | undefined;
}

/** The file of an attribute. Its length begins as a page, and is then what truncate(2) makes it. */
export class ConfigFile extends TreeInode {
  readonly operations: FileOperations = operations;
  readonly item: ConfigItem;
  readonly attribute: ConfigAttribute;
  #size = PAGE_SIZE;

  constructor(fs: FileSystem, ino: number, item: ConfigItem, attribute: ConfigAttribute) {
    super(fs, { ino, mode: S_IFREG | attribute.mode });
    this.item = item;
    this.attribute = attribute;
  }

  override get size(): number {
    return this.#size;
  }

  override stat(): Stat {
    return { ...super.stat(), blocks: 0 };
  }

  override truncate(length: number): void {
    if (length > POSITION_MAX) throw new Errno('EFBIG', `the file system allows ${POSITION_MAX} bytes`);
    this.#size = length;
  }

  /** @throws Errno ENOENT when the item has been removed */
  assertPresent(): void {
    if (this.nlink === 0) throw new Errno('ENOENT', `${this.item.describe()} has been removed`);
  }
}

const inodeOf = (file: File) => file.inode as ConfigFile;

function* show(file: File<Opened>, task: Task): Kernel<Uint8Array> {
  const inode = inodeOf(file);
  inode.assertPresent();
  const text = (yield* finish(inode.attribute.show?.(inode.item, task))) ?? '';
  if (text.length > PAGE_SIZE) throw new Errno('EIO', `${file.path} shows more than ${PAGE_SIZE} bytes`);
  return Buffer.from(text, 'latin1');
}

const operations: FileOperations<Opened> = {
  open(file) {
    const { mode, attribute } = inodeOf(file);
    inodeOf(file).assertPresent();
    const mayWrite = (mode & 0o222) !== 0 && attribute.store !== undefined;
    const mayRead = (mode & 0o444) !== 0 && attribute.show !== undefined;
    if ((file.mode & FMODE_WRITE) !== 0 && !mayWrite) throw new Errno('EACCES', `${file.path} cannot be written`);
    if ((file.mode & FMODE_READ) !== 0 && !mayRead) throw new Errno('EACCES', `${file.path} cannot be read`);
    file.system.kmalloc('struct configfs_buffer');
    file.private = { lock: new Mutex(file.path, file.system.lockdep.lockClass('configfs_buffer')), text: undefined };
  },

  *read(file, to, at, task) {
    const opened = file.private;
    yield* opened.lock.lock();
    try {
      opened.text ??= yield* show(file, task);
      if (at.position >= opened.text.length) return 0;
      const done = yield* to.put(opened.text.subarray(at.position));
      if (done === 0) throw new Errno('EFAULT', 'there is no room for a byte');
      at.position += done;
      return done;
    } finally {
      opened.lock.unlock();
    }
  },

  *write(file, from, at, task) {
    const inode = inodeOf(file);
    const opened = file.private;
    yield* opened.lock.lock();
    try {
      const bytes = yield* from.take(Math.min(from.remaining, PAGE_SIZE - 1));
      opened.text = undefined;
      if (bytes.length === 0) throw new Errno('EFAULT', 'there is nothing to store');
      inode.assertPresent();
      const text = Buffer.from(bytes).toString('latin1');
      const taken = (yield* finish(inode.attribute.store?.(inode.item, text, task))) ?? bytes.length;
      at.position += taken;
      return taken;
    } finally {
      opened.lock.unlock();
    }
  },

  readIter: true,
  writeIter: true,

  llseek: (file, offset, whence) => genericSeek(file, offset, whence, POSITION_MAX),

  truncate: (file, length) => inodeOf(file).truncate(length),
};
