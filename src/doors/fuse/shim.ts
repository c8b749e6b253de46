import { createRequire } from 'node:module';
import { constants } from 'node:os';

/** Words of a request: see native-shims/fuse/requests.h. */
export const INTERRUPTED = 0;
export const PID = 1;
export const HANDLE = 2;
export const FLAGS = 3;
export const ATIME_SEC = 4;
export const MTIME_SEC = 6;
export const CTIME_SEC = 8;
export const WORDS = 16;

/** The native part that stands between fuse-native and libfuse (native-shims/fuse). */
interface ShimAddon {
  start(call: () => void): void;
  words(): ArrayBuffer;
  stop(): number;
  hasEnded(): boolean;
  libfuse(): string | undefined;
  unmount(path: string): number;
}

/** What fuse-native does not hand on of the requests that the kernel sends. */
export class Shim {
  readonly words: Float64Array;
  readonly #addon: ShimAddon;

  private constructor(addon: ShimAddon) {
    this.#addon = addon;
    this.words = new Float64Array(addon.words());
  }

  /** Loads it so that fuse-native, loaded later, finds its functions before libfuse's. @throws Error when it was not built */
  static load(path: string): Shim {
    const module = { exports: {} as ShimAddon };
    process.dlopen(module, path, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
    return new Shim(module.exports);
  }

  /** @param call when a request was interrupted, or the file system has ended */
  start(call: () => void): void {
    this.#addon.start(call);
  }

  /** From now on the kernel's requests are answered by ENODEV. @returns how many that came before have no answer yet */
  stop(): number {
    return this.#addon.stop();
  }

  /** Whether the file system is unmounted and nobody uses it any more. */
  get hasEnded(): boolean {
    return this.#addon.hasEnded();
  }

  /** Why libfuse 2 cannot be loaded, if so. */
  get missing(): string | undefined {
    return this.#addon.libfuse();
  }

  /** umount2(2), lazily, which root may do. @returns 0, or a negated errno */
  unmount(path: string): number {
    return this.#addon.unmount(path);
  }
}

/** What is used of the package fuse-native. */
export interface FuseNative {
  new (path: string, operations: object, options: Readonly<Record<string, unknown>>): MountedByFuse;
  unmount: (path: string, done: (error?: Error | null) => void) => void;
}

export interface MountedByFuse {
  mount(done: (error?: Error | null) => void): void;
  unmount(done: (error?: Error | null) => void): void;
}

/** @throws Error when it is not installed, or is not made for this machine, or libfuse 2 is missing */
export function loadFuseNative(): FuseNative {
  return createRequire(import.meta.url)('fuse-native') as FuseNative;
}
