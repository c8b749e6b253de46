import { EventEmitter } from 'node:events';
import type * as fs from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import type { DescriptorCalls } from './descriptor-calls.ts';
import { errnoException, fileClosed } from './errors.ts';
import { type StreamCalls, streams } from './streams.ts';
import { writeAll } from './write-all.ts';

/** What a handle is made of. */
export type HandleCalls = DescriptorCalls & StreamCalls;

/** `FileHandle` of `node:fs/promises`. */
export class FileHandle extends EventEmitter {
  readonly #calls: HandleCalls;
  #fd: number;

  constructor(calls: HandleCalls, fd: number) {
    super();
    this.#calls = calls;
    this.#fd = fd;
  }

  /** -1 once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  async close(): Promise<void> {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#calls.closeSync(fd);
    this.emit('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async appendFile(data: any, options?: any): Promise<void> {
    await this.writeFile(data, options);
  }

  async chmod(mode: fs.Mode): Promise<void> {
    this.#calls.fchmodSync(this.#open('fchmod'), mode);
  }

  async chown(uid: number, gid: number): Promise<void> {
    this.#calls.fchownSync(this.#open('fchown'), uid, gid);
  }

  async datasync(): Promise<void> {
    this.#calls.fdatasyncSync(this.#open('fdatasync'));
  }

  async sync(): Promise<void> {
    this.#calls.fsyncSync(this.#open('fsync'));
  }

  async stat(options?: fs.StatOptions): Promise<fs.Stats | fs.BigIntStats> {
    return this.#calls.fstatSync(this.#open('fstat'), options);
  }

  async truncate(length?: number): Promise<void> {
    this.#calls.ftruncateSync(this.#open('ftruncate'), length);
  }

  async utimes(atime: fs.TimeLike, mtime: fs.TimeLike): Promise<void> {
    this.#calls.futimesSync(this.#open('futime'), atime, mtime);
  }

  /** With a buffer, or with options that may bring one. */
  async read(bufferOrOptions?: any, ...rest: any[]): Promise<{ bytesRead: number; buffer: NodeJS.ArrayBufferView }> {
    const fd = this.#open('read');
    const isBuffer = ArrayBuffer.isView(bufferOrOptions);
    const buffer: NodeJS.ArrayBufferView = isBuffer ? bufferOrOptions : (bufferOrOptions?.buffer ?? Buffer.alloc(16384));
    const where = isBuffer ? rest : [{ ...bufferOrOptions }];
    return { bytesRead: this.#calls.readSync(fd, buffer, ...(where as [any, any, any])), buffer };
  }

  async readv(buffers: NodeJS.ArrayBufferView[], position?: number | null) {
    return { bytesRead: this.#calls.readvSync(this.#open('read'), buffers, position ?? undefined), buffers };
  }

  async readFile(options?: any): Promise<any> {
    return this.#calls.readFileSync(this.#open('read'), options);
  }

  async write(data: any, ...rest: any[]): Promise<{ bytesWritten: number; buffer: unknown }> {
    return { bytesWritten: this.#calls.writeSync(this.#open('write'), data, ...(rest as [any, any, any])), buffer: data };
  }

  async writev(buffers: NodeJS.ArrayBufferView[], position?: number | null) {
    return { bytesWritten: this.#calls.writevSync(this.#open('write'), buffers, position ?? undefined), buffers };
  }

  async writeFile(data: any, options?: any): Promise<void> {
    await writeAll(this.#calls, this.#open('write'), data, options);
  }

  createReadStream(options?: any): fs.ReadStream {
    return streams(this.#streamCalls()).createReadStream('', { ...options, fd: this.#open('read') });
  }

  createWriteStream(options?: any): fs.WriteStream {
    return streams(this.#streamCalls()).createWriteStream('', { ...options, fd: this.#open('write') });
  }

  readLines(options?: any): Interface {
    return createInterface({ input: this.createReadStream(options), crlfDelay: Number.POSITIVE_INFINITY });
  }

  /** A stream that ends closes the handle, not just its descriptor. */
  #streamCalls(): StreamCalls {
    const close = (_fd: number, callback?: (error?: NodeJS.ErrnoException | null) => void) => {
      this.close().then(
        () => callback?.(null),
        (error) => callback?.(error),
      );
    };
    return { ...this.#calls, close: close as StreamCalls['close'] };
  }

  #open(syscall: string): number {
    if (this.#fd < 0) throw errnoException(fileClosed(), syscall);
    return this.#fd;
  }
}
