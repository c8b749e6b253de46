import type { PathCalls } from './path-calls.ts';
import type { Dirent } from './stats.ts';

/** `fs.Dir`: the names of a folder one by one. They are read when it is opened. */
export class Dir implements AsyncIterable<Dirent> {
  readonly path: string;
  readonly #entries: Dirent[];
  #isOpen = true;

  constructor(path: string, entries: Dirent[]) {
    this.path = path;
    this.#entries = entries;
  }

  static open(paths: PathCalls, path: string, encoding: BufferEncoding | undefined): Dir {
    return new Dir(path, paths.readdirSync(path, { withFileTypes: true, encoding: encoding ?? 'utf8' }) as unknown as Dirent[]);
  }

  readSync(): Dirent | null {
    this.#check();
    return this.#entries.shift() ?? null;
  }

  read(callback?: (error: Error | null, entry: Dirent | null) => void): Promise<Dirent | null> | undefined {
    const entry = this.readSync();
    if (callback === undefined) return Promise.resolve(entry);
    process.nextTick(callback, null, entry);
    return undefined;
  }

  closeSync(): void {
    this.#check();
    this.#isOpen = false;
  }

  close(callback?: (error: Error | null) => void): Promise<void> | undefined {
    this.closeSync();
    if (callback === undefined) return Promise.resolve();
    process.nextTick(callback, null);
    return undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent> {
    try {
      for (let entry = this.readSync(); entry !== null; entry = this.readSync()) yield entry;
    } finally {
      this.closeSync();
    }
  }

  #check(): void {
    if (!this.#isOpen) throw Object.assign(new Error('Directory handle was closed'), { code: 'ERR_DIR_CLOSED' });
  }
}
