/** fs/configfs/item.c: what programs make in configfs, as drivers see it. */
import { Counted, type MaybeKernel, Mutex, type Task } from '../../kernel/index.ts';

/** A value of an item, as `struct configfs_attribute`. One character is one byte. */
export interface ConfigAttribute<I extends ConfigItem = any> {
  readonly name: string;
  /** Permissions. Whoever opens the file needs the operation behind them too (EACCES). */
  readonly mode: number;
  /** At most PAGE_SIZE bytes. Called once for each open file, and again after it was written. @throws Errno */
  readonly show?: (item: I, task: Task) => MaybeKernel<string>;
  /** Takes one write, at most PAGE_SIZE - 1 bytes of it. @returns bytes taken; all when nothing is returned @throws Errno */
  readonly store?: (item: I, text: string, task: Task) => MaybeKernel<number | void>;
}

/**
 * What items of a kind are, as `struct config_item_type`. Each operation runs under the lock of the subsystem where Linux holds it:
 * making, dropping; links are made without.
 */
export interface ConfigItemType<I extends ConfigItem = any> {
  readonly attributes?: readonly ConfigAttribute<I>[];
  /** mkdir(2) in a group of this kind makes a group or an item; without either it is EPERM. @throws Errno */
  readonly makeGroup?: (group: I, name: string) => MaybeKernel<ConfigGroup>;
  readonly makeItem?: (group: I, name: string) => MaybeKernel<ConfigItem>;
  /** rmdir(2): lets go of what was made. When left out, the maker's reference is put. */
  readonly dropItem?: (group: I, item: ConfigItem) => MaybeKernel<void>;
  /** symlink(2) in an item of this kind; without it EPERM. @throws Errno */
  readonly allowLink?: (source: I, target: ConfigItem) => MaybeKernel<void>;
  /** unlink(2): the link has gone. */
  readonly dropLink?: (source: I, target: ConfigItem) => MaybeKernel<void>;
  /** The last reference is gone. */
  readonly release?: (item: I) => void;
}

/**
 * A folder that a program has made, as `struct config_item`. Its maker holds one reference and the folder another.
 */
export class ConfigItem extends Counted {
  readonly kind = 'item';
  readonly name: string;
  readonly type: ConfigItemType;
  parent: ConfigGroup | undefined;
  /** configfs_depend_item: so many users inside the kernel keep it from being removed (EBUSY). */
  dependents = 0;

  constructor(name: string, type: ConfigItemType) {
    super();
    this.name = name;
    this.type = type;
  }

  /** Names from the top of configfs on. */
  get path(): readonly string[] {
    return [...(this.parent?.path ?? []), this.name];
  }

  protected released(): void {
    this.type.release?.(this);
  }

  describe(): string {
    return `configfs item ${this.path.join('/')}`;
  }
}

/** An item that holds others, as `struct config_group`. */
export class ConfigGroup extends ConfigItem {
  /** Groups that come and go with it. To be filled before it is made. */
  readonly defaultGroups: readonly ConfigGroup[];

  constructor(name: string, type: ConfigItemType, defaultGroups: readonly ConfigGroup[] = []) {
    super(name, type);
    this.defaultGroups = defaultGroups;
  }
}

/** The top group of a driver, as `struct configfs_subsystem`. */
export class ConfigSubsystem extends ConfigGroup {
  /** su_mutex. */
  readonly lock = new Mutex(`the configfs subsystem ${this.name}`);
}
