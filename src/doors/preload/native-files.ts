import { readFileSync } from 'node:fs';
import { O_ACCMODE } from '../../abi/uapi/index.ts';
import type { File } from '../../kernel/index.ts';
import { type Addon, must } from './addon.ts';
import { granted } from './exhausted.ts';
import { Census, type OwnMappings } from './holders.ts';
import { SharedMemory } from './memory.ts';

const IN_CLOSE_WRITE = 0x8;
const IN_CLOSE_NOWRITE = 0x10;
const IN_DELETE_SELF = 0x400;
const IN_Q_OVERFLOW = 0x4000;
const IN_IGNORED = 0x8000;

/** Whoever knows an inode by a handle, and must forget it when it is gone. */
export interface Holder {
  forget(handle: number): void;
}

/**
 * A real inode that stands for one emulated open file in programs. It lives as long as any program has a descriptor of it or maps
 * it, by whatever way it got there: the real kernel keeps that count.
 */
export class NativeInode {
  readonly ino: number;
  /** inotify's number for it. */
  readonly watch: number;
  #file: File | undefined;
  /** Nobody has it any more. */
  hasEnded = false;
  /**
   * Set when the inode is the file's own memory: then it lives on in the server, and a lease tells when nobody else has it. Held, for
   * a program can have it whose file is gone: one that got the descriptor and said that it did not.
   */
  readonly memory: SharedMemory | undefined;
  readonly holders = new Map<Holder, number>();

  readonly #all: NativeFiles;

  constructor(all: NativeFiles, ino: number, watch: number, memory: SharedMemory | undefined) {
    this.#all = all;
    this.ino = ino;
    this.watch = watch;
    this.memory = memory?.get();
  }

  /** Undefined while a descriptor is reserved for a file to come; such a descriptor answers as if it were closed. */
  get file(): File | undefined {
    return this.#file;
  }

  set file(file: File | undefined) {
    if (this.#file !== undefined) this.#all.forgetInode(this.#file, this);
    if (file !== undefined) this.#all.addInode(file, this);
    this.#file = file;
  }
}

/** Every inode that programs hold, and the news of their ends. */
export class NativeFiles {
  readonly #addon: Addon;
  readonly #byIno = new Map<number, NativeInode>();
  readonly #byWatch = new Map<number, NativeInode>();
  /** A file that is handed out twice, as a card's buffer that is exported again, has an inode for each time. */
  readonly #byFile = new Map<File, Set<NativeInode>>();
  /** Of the call that is served, once it was needed. */
  #census: Census | undefined;
  /** inotify: readable when an inode may have ended. */
  readonly events: number;
  /** st_dev of all of them. */
  readonly dev: number;

  constructor(addon: Addon) {
    this.#addon = addon;
    this.events = must(addon.inotify(), 'inotify_init');
    const probe = must(addon.memfd('ioctopus', 0), 'memfd_create');
    this.dev = this.#identity(probe)[0];
    addon.close(probe);
  }

  get count(): number {
    return this.#byIno.size;
  }

  /**
   * Makes an inode for a file, or for one to come.
   *
   * @returns it, and a descriptor to send: the caller closes it once it is sent
   */
  make(file: File | undefined): { readonly inode: NativeInode; readonly fd: number } {
    const access = (file?.flags ?? 0) & O_ACCMODE;
    // A file that cannot be mapped at all must not be handed out as memory: the lease does not see access mode 3.
    if (file?.memory instanceof SharedMemory && access !== O_ACCMODE) return this.#makeShared(file, file.memory, access);
    const made = granted(this.#addon.memfd('ioctopus', 0), 'memfd_create');
    // Access mode 3: whatever goes past the library to the real descriptor gets EBADF, never data.
    const fd = this.#addon.reopen(made, O_ACCMODE);
    this.#addon.close(made);
    return { inode: this.#add(granted(fd, 'opening a memory file again'), file, undefined, IN_DELETE_SELF), fd };
  }

  #makeShared(file: File, memory: SharedMemory, access: number) {
    const fd = granted(this.#addon.reopen(memory.fd, access), 'opening a memory file again');
    return { inode: this.#add(fd, file, memory, IN_CLOSE_WRITE | IN_CLOSE_NOWRITE), fd };
  }

  #add(fd: number, file: File | undefined, memory: SharedMemory | undefined, mask: number): NativeInode {
    const [, ino] = this.#identity(fd);
    const watch = this.#addon.watch(this.events, fd, mask);
    if (watch < 0) this.#addon.close(fd);
    const inode = new NativeInode(this, ino, granted(watch, 'inotify_add_watch'), memory);
    inode.file = file;
    this.#byIno.set(ino, inode);
    this.#byWatch.set(inode.watch, inode);
    return inode;
  }

  /** For {@link NativeInode}. */
  addInode(file: File, inode: NativeInode): void {
    const inodes = this.#byFile.get(file) ?? new Set();
    this.#byFile.set(file, inodes.add(inode));
    file.holdersOutside = () => this.holdersOutside(file);
  }

  /** For {@link NativeInode}. */
  forgetInode(file: File, inode: NativeInode): void {
    const inodes = this.#byFile.get(file);
    inodes?.delete(inode);
    if (inodes?.size !== 0) return;
    this.#byFile.delete(file);
    file.holdersOutside = undefined;
  }

  /** Another call begins: who holds what may have changed. */
  forgetCensus(): void {
    this.#census = undefined;
  }

  /** How many holders programs have beyond the one reference of each inode. */
  holdersOutside(file: File, own?: OwnMappings): number {
    const inos = new Set([...(this.#byFile.get(file) ?? [])].map(({ ino }) => ino));
    // One call may ask about many files: nobody comes or goes meanwhile that it could know of.
    this.#census ??= new Census();
    return Math.max(0, this.#census.count(inos, own) - inos.size);
  }

  /** Which inode a descriptor of this process shows; undefined when it is none of ours. */
  identify(fd: number): NativeInode | undefined {
    const [dev, ino] = this.#identity(fd);
    return dev === this.dev ? this.#byIno.get(ino) : undefined;
  }

  /** Takes note of every inode that has ended by now, and releases their files. To be called before a call is served. */
  drain(): void {
    for (let events = this.#addon.watchEvents(this.events); events !== null; events = this.#addon.watchEvents(this.events)) {
      for (let i = 0; i < events.length; i += 2) this.#handle(events[i] as number, events[i + 1] as number);
    }
  }

  #handle(watch: number, mask: number): void {
    if ((mask & IN_Q_OVERFLOW) !== 0) {
      this.#checkAll();
      return;
    }
    const inode = this.#byWatch.get(watch);
    if (inode === undefined || (mask & IN_IGNORED) !== 0) return;
    // A close is a hint: several merge into one event, and others may have the file still.
    if (inode.memory === undefined || this.#addon.soleHolder(inode.memory.fd)) this.#end(inode);
  }

  /** Events were lost: every inode is looked at. The kernel drops a watch with its inode, so the watches left tell. */
  #checkAll(): void {
    const left = new Set<number>();
    for (const line of readFileSync(`/proc/self/fdinfo/${this.events}`, 'latin1').split('\n')) {
      const watch = /^inotify wd:([0-9a-f]+) /.exec(line)?.[1];
      if (watch !== undefined) left.add(Number.parseInt(watch, 16));
    }
    for (const inode of [...this.#byIno.values()]) {
      if (inode.memory === undefined ? !left.has(inode.watch) : this.#addon.soleHolder(inode.memory.fd)) this.#end(inode);
    }
  }

  #end(inode: NativeInode): void {
    this.#byIno.delete(inode.ino);
    this.#byWatch.delete(inode.watch);
    inode.hasEnded = true;
    if (inode.memory !== undefined) this.#addon.unwatch(this.events, inode.watch);
    for (const [holder, handle] of inode.holders) {
      // However the last descriptor went, who held it has closed it: record locks end with that.
      inode.file?.inode.locks?.dropOwner(holder);
      holder.forget(handle);
    }
    const { file } = inode;
    inode.file = undefined;
    file?.put();
    inode.memory?.put();
  }

  /** The server goes: files are released whether programs still hold them or not. */
  close(): void {
    this.drain();
    for (const inode of [...this.#byIno.values()]) this.#end(inode);
    this.#addon.close(this.events);
  }

  #identity(fd: number): [dev: number, ino: number] {
    const identity = this.#addon.identity(fd);
    if (typeof identity === 'number') throw new Error(`fstat failed with errno ${-identity}`);
    return identity;
  }
}
