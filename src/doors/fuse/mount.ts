import { execFile } from 'node:child_process';
import { Errno, errnoName } from '../../abi/index.ts';
import { KernelRequests } from './kernel-requests.ts';
import { operations } from './operations.ts';
import type { Serving } from './requests.ts';
import { loadFuseNative, type MountedByFuse, type Shim } from './shim.ts';

/**
 * Options of libfuse 2. Everything reaches the machine at once and as it was called: no cache of bytes, names or attributes, writes in one
 * piece up to 128 KiB, O_TRUNC with open(2), the machine's own inode numbers, and unlink(2) of an open file as that.
 */
const OPTIONS = [
  'direct_io',
  'big_writes',
  'atomic_o_trunc',
  'use_ino',
  'hard_remove',
  'attr_timeout=0',
  'entry_timeout=0',
  'negative_timeout=0',
  'ac_attr_timeout=0',
  'subtype=ioctopus',
];

export interface MountOptions {
  readonly shim: Shim;
  readonly serving: Serving;
  /** An empty folder, as an absolute path. */
  readonly folder: string;
  /** Somebody else has unmounted it, and nobody uses it any more. */
  readonly onEnd?: () => void;
}

/** Takes a file system away from its place at once; who has files of it open keeps them. @throws Error when that is not allowed */
export function unmountLazily(shim: Shim, folder: string): Promise<void> {
  if (process.getuid?.() === 0) {
    const result = shim.unmount(folder);
    return result === 0 ? Promise.resolve() : Promise.reject(new Errno(errnoName(-result) ?? 'EIO', `unmounting ${folder}`));
  }
  return new Promise((resolve, reject) => {
    execFile('fusermount', ['-u', '-z', '--', folder], (error) => (error === null ? resolve() : reject(error)));
  });
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A machine's file tree as a FUSE file system of the host. One at a time in a process. */
export class Mount {
  readonly folder: string;
  readonly #serving: Serving;
  readonly #requests: KernelRequests;
  readonly #shim: Shim;
  readonly #onEnd: (() => void) | undefined;
  readonly #fuse: MountedByFuse;
  #isClosing = false;

  private constructor({ shim, serving, folder, onEnd }: MountOptions) {
    this.folder = folder;
    this.#shim = shim;
    this.#serving = serving;
    this.#onEnd = onEnd;
    this.#requests = new KernelRequests(serving, shim);
    const FuseNative = loadFuseNative();
    // Its own would pass the path through a shell.
    FuseNative.unmount = (_path, done) => done();
    // Other options than it knows go with one that it does.
    const fsname = ['ioctopus', ...OPTIONS].join(',');
    this.#fuse = new FuseNative(folder, operations(this.#requests), { fsname, timeout: false });
  }

  /** Mounts. @throws Error when libfuse cannot */
  static async make(options: MountOptions): Promise<Mount> {
    const mount = new Mount(options);
    options.shim.start(() => mount.#notice());
    try {
      await new Promise<void>((resolve, reject) => {
        mount.#fuse.mount((error) => (error ? reject(error) : resolve()));
      });
      return mount;
    } catch (error) {
      // libfuse may have failed after it had mounted.
      await unmountLazily(options.shim, options.folder).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Unmounts, though files may be open: calls under way fail with ENODEV, and so do later ones until the process ends; files of the
   * machine are released.
   */
  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (!this.#shim.hasEnded) await unmountLazily(this.#shim, this.folder).catch(() => undefined);
    this.#requests.abandonAll();
    this.#serving.end();
    // Threads in the middle of an operation still count on the event loop.
    while (this.#shim.stop() > 0) await turn();
    await new Promise<void>((resolve) => this.#fuse.unmount(() => resolve()));
  }

  #notice(): void {
    this.#requests.lookForInterrupted();
    if (this.#shim.hasEnded && !this.#isClosing) this.#onEnd?.();
  }
}
