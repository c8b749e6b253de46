import { S_IFDIR, S_IFMT } from '../../abi/uapi/index.ts';
import type { FileSystem, Stat } from '../../kernel/index.ts';
import { Directory, type TreeInode } from '../tree-inode.ts';

/** A directory whose names are kept as the directory cache keeps them: the newest is listed first. */
export abstract class ListedDirectory extends Directory {
  readonly #names = new Map<string, TreeInode>();
  #fill: (() => void) | undefined;

  constructor(fs: FileSystem, ino: number, mode: number) {
    super(fs, { ino, mode: S_IFDIR | mode });
  }

  /** For folders of which there are thousands and few are looked at: their names are made by the first who looks. */
  fillWhenSeen(fill: () => void): void {
    this.#fill = fill;
  }

  get isSeen(): boolean {
    return this.#fill === undefined;
  }

  /** The folder goes, and nobody has looked. */
  protected forgetUnseen(): void {
    this.#fill = undefined;
  }

  protected get names(): Map<string, TreeInode> {
    const fill = this.#fill;
    this.#fill = undefined;
    fill?.();
    return this.#names;
  }

  lookup(name: string): TreeInode | undefined {
    return this.names.get(name);
  }

  entries(): Iterable<readonly [string, TreeInode]> {
    return [...this.names].reverse();
  }

  override stat(): Stat {
    if (this.nlink === 0) return super.stat();
    let directories = 0;
    for (const { mode } of this.names.values()) if ((mode & S_IFMT) === S_IFDIR) directories++;
    return { ...super.stat(), nlink: 2 + directories };
  }
}
