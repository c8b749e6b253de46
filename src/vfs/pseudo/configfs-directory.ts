/** fs/configfs/dir.c and symlink.c: folders of items, and how programs make, link and remove them. */
import { Errno } from '../../abi/index.ts';
import { S_IFLNK } from '../../abi/uapi/index.ts';
import { type FileOperations, finish, type Kernel, Mutex } from '../../kernel/index.ts';
import { directoryOperations } from '../directory-file.ts';
import { type Directory, type NewInode, Symlink, type TreeInode } from '../tree-inode.ts';
import type { Configfs } from './configfs.ts';
import { ConfigFile } from './configfs-file.ts';
import { ConfigGroup, type ConfigItem, ConfigSubsystem } from './configfs-item.ts';
import { ListedDirectory } from './listed-directory.ts';

/** A link from one item to another. Its text is where the target lies from here, whatever the program wrote. */
class ConfigLink extends Symlink {
  readonly place: ConfigDirectory;
  readonly #text: string;

  constructor(fs: Configfs, from: ConfigItem, place: ConfigDirectory) {
    super(fs, { ino: fs.takeIno(), mode: S_IFLNK | 0o777 });
    this.place = place;
    this.#text = `${'../'.repeat(from.path.length)}${place.item.path.join('/')}`;
  }

  target(): string {
    return this.#text;
  }
}

/** The top group that an item belongs to. */
function subsystemOf(item: ConfigItem): ConfigSubsystem {
  let at: ConfigItem | undefined = item;
  while (at !== undefined && !(at instanceof ConfigSubsystem)) at = at.parent;
  if (at === undefined) throw new Error(`${item.describe()} is in no subsystem`);
  return at;
}

const operations: FileOperations = {
  ...directoryOperations,
  open(file) {
    if (file.inode.nlink === 0) throw new Errno('ENOENT', `${file.path} has been removed`);
  },
};

/** The folder of an item. */
export class ConfigDirectory extends ListedDirectory {
  readonly operations: FileOperations = operations;
  readonly item: ConfigItem;
  /** CONFIGFS_USET_DEFAULT: comes and goes with its parent. */
  readonly isDefault: boolean;
  readonly #fs: Configfs;
  /** Names in it change one at a time, as under the inode's lock. */
  readonly #lock: Mutex;
  /** Links that lead here. */
  #links = 0;

  constructor(fs: Configfs, item: ConfigItem, isDefault: boolean) {
    super(fs, fs.takeIno(), 0o755);
    this.#fs = fs;
    this.item = item;
    this.isDefault = isDefault;
    this.#lock = new Mutex(`the names in ${item.describe()}`);
  }

  // ---- as programs see it -------------------------------------------------------

  /** configfs_mkdir. @throws Errno EPERM where the driver makes nothing, what it says */
  override mkdir(name: string, _attributes: NewInode): Kernel<void> {
    const { item } = this;
    const { type } = item;
    const make = type.makeGroup ?? type.makeItem;
    if (!(item instanceof ConfigGroup) || make === undefined) throw new Errno('EPERM', `nothing can be made in ${item.describe()}`);
    return this.#make(name, item, make);
  }

  /** configfs_rmdir. @throws Errno EPERM for default groups, EBUSY while links or the kernel need it, ENOTEMPTY */
  override rmdir(name: string, inode: Directory): Kernel<void> {
    const victim = inode as ConfigDirectory;
    if (victim.isDefault) throw new Errno('EPERM', `${victim.item.describe()} comes and goes with its parent`);
    return this.#remove(name, victim);
  }

  /** configfs_symlink. @throws Errno EPERM where the driver allows none or to somewhere else, EEXIST, as the walk, what the driver says */
  override symlink(name: string, _target: string, _attributes: NewInode, resolve: () => TreeInode): Kernel<void> {
    const { allowLink } = this.item.type;
    if (allowLink === undefined) throw new Errno('EPERM', `${this.item.describe()} takes no links`);
    const place = resolve();
    if (!(place instanceof ConfigDirectory) || place.#fs !== this.#fs) throw new Errno('EPERM', 'the target is no item of configfs');
    if (place === this.#fs.root) throw new Errno('ENOENT', 'the top of configfs is no item');
    return this.#link(name, place, allowLink);
  }

  /** configfs_unlink. @throws Errno EPERM for attributes */
  override unlink(name: string, inode: TreeInode): Kernel<void> {
    if (!(inode instanceof ConfigLink)) throw new Errno('EPERM', `${name} is an attribute`);
    return this.#unlink(name, inode);
  }

  *#make(name: string, group: ConfigGroup, make: NonNullable<ConfigItem['type']['makeItem']>): Kernel<void> {
    yield* this.#lock.lock();
    try {
      if (this.names.has(name)) throw new Errno('EEXIST', `there is a ${name} already`);
      const { lock } = subsystemOf(group);
      yield* lock.lock();
      let item: ConfigItem;
      try {
        item = yield* finish(make(group, name));
      } finally {
        lock.unlock();
      }
      this.attach(item, false);
    } finally {
      this.#lock.unlock();
    }
  }

  *#remove(name: string, victim: ConfigDirectory): Kernel<void> {
    const { item } = this;
    yield* this.#lock.lock();
    try {
      if (this.names.get(name) !== victim) throw new Errno('ENOENT', `${name} has been removed`);
      victim.#assertRemovable();
      this.#detach(name, victim);
      const { lock } = subsystemOf(item);
      yield* lock.lock();
      try {
        victim.#letGo();
        if (item.type.dropItem === undefined) victim.item.put();
        else yield* finish(item.type.dropItem(item, victim.item));
      } finally {
        lock.unlock();
      }
    } finally {
      this.#lock.unlock();
    }
  }

  *#link(name: string, place: ConfigDirectory, allowLink: NonNullable<ConfigItem['type']['allowLink']>): Kernel<void> {
    yield* this.#lock.lock();
    try {
      if (this.names.has(name)) throw new Errno('EEXIST', `there is a ${name} already`);
      yield* finish(allowLink(this.item, place.item));
      if (place.nlink === 0) {
        yield* finish(this.item.type.dropLink?.(this.item, place.item));
        throw new Errno('ENOENT', `${place.item.describe()} has been removed`);
      }
      place.#links++;
      this.names.set(name, new ConfigLink(this.#fs, this.item, place));
      this.modified();
    } finally {
      this.#lock.unlock();
    }
  }

  *#unlink(name: string, link: ConfigLink): Kernel<void> {
    yield* this.#lock.lock();
    try {
      if (this.names.get(name) !== link) throw new Errno('ENOENT', `${name} has been removed`);
      this.names.delete(name);
      this.modified();
      link.nlink = 0;
      yield* finish(this.item.type.dropLink?.(this.item, link.place.item));
      link.place.#links--;
    } finally {
      this.#lock.unlock();
    }
  }

  // ---- as the kernel sees it ----------------------------------------------------

  /** configfs_attach_group: shows an item with its attributes and default groups. @throws Errno EEXIST */
  attach(item: ConfigItem, isDefault: boolean): void {
    if (this.names.has(item.name)) throw new Errno('EEXIST', `there is a ${item.name} already`);
    item.get();
    // The top of configfs is no item's parent: paths begin below it.
    item.parent = this.item instanceof ConfigGroup && this.item.name !== '' ? this.item : undefined;
    const directory = new ConfigDirectory(this.#fs, item, isDefault);
    for (const attribute of item.type.attributes ?? []) {
      directory.names.set(attribute.name, new ConfigFile(this.#fs, this.#fs.takeIno(), item, attribute));
    }
    if (item instanceof ConfigGroup) for (const group of item.defaultGroups) directory.attach(group, true);
    this.names.set(item.name, directory);
    this.modified();
  }

  /** configfs_unregister_subsystem. */
  detachSubsystem(subsystem: ConfigSubsystem): void {
    const directory = this.names.get(subsystem.name) as ConfigDirectory;
    directory.#assertRemovable();
    this.#detach(subsystem.name, directory);
    directory.#letGo();
  }

  /** configfs_detach_prep. */
  #assertRemovable(): void {
    if (this.item.dependents > 0) throw new Errno('EBUSY', `the kernel uses ${this.item.describe()}`);
    if (this.#links > 0) throw new Errno('EBUSY', `a link leads to ${this.item.describe()}`);
    for (const [name, inode] of this.names) {
      if (inode instanceof ConfigLink || (inode instanceof ConfigDirectory && !inode.isDefault))
        throw new Errno('ENOTEMPTY', `${name} is in it`);
      if (inode instanceof ConfigDirectory) inode.#assertRemovable();
    }
  }

  /** Takes a folder and all that comes with it away. */
  #detach(name: string, directory: ConfigDirectory): void {
    this.names.delete(name);
    this.modified();
    directory.#vanish();
  }

  #vanish(): void {
    this.nlink = 0;
    for (const inode of this.names.values()) {
      if (inode instanceof ConfigDirectory) inode.#vanish();
      else inode.nlink = 0;
    }
  }

  /** Gives back the references that the folders hold, innermost first. */
  #letGo(): void {
    for (const inode of this.names.values()) if (inode instanceof ConfigDirectory) inode.#letGo();
    this.names.clear();
    this.item.put();
  }
}
