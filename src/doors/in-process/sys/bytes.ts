import type { AnyRequest, Layout, Request } from '../../../abi/index.ts';
import { calls } from '../../../kernel/index.ts';
import type { Mode, Result } from '../caller.ts';
import { bytesOf, type Data, same, utf8, type Vectors } from './base.ts';
import { DescriptorSys } from './descriptors.ts';

/** Bytes of files, and requests to drivers. */
export abstract class ByteSys<M extends Mode> extends DescriptorSys<M> {
  /** read(2). @returns the bytes that came: at most `count`, none at the end */
  read(fd: number, count: number): Result<M, Uint8Array> {
    const buffer = this.room(count);
    return this.caller.call(
      'read',
      [fd, count],
      () => calls.read(this.task, fd, [buffer]),
      (done) => this.space.bytes(buffer.address, count).slice(0, done),
      buffer.free,
    );
  }

  /** write(2). @returns how many bytes were taken */
  write(fd: number, data: Data): Result<M, number> {
    const buffer = this.filled(bytesOf(data));
    return this.caller.call('write', [fd, buffer.length], () => calls.write(this.task, fd, [buffer]), same, buffer.free);
  }

  pread(fd: number, count: number, offset: number): Result<M, Uint8Array> {
    const buffer = this.room(count);
    return this.caller.call(
      'pread',
      [fd, count, offset],
      () => calls.pread(this.task, fd, [buffer], offset),
      (done) => this.space.bytes(buffer.address, count).slice(0, done),
      buffer.free,
    );
  }

  pwrite(fd: number, data: Data, offset: number): Result<M, number> {
    const buffer = this.filled(bytesOf(data));
    return this.caller.call('pwrite', [fd, buffer.length, offset], () => calls.pwrite(this.task, fd, [buffer], offset), same, buffer.free);
  }

  /** readv(2) into memory of the task. @returns bytes read */
  readv(fd: number, vectors: Vectors): Result<M, number> {
    return this.vectored('readv', fd, vectors, (at, count) => calls.readv(this.task, fd, at, count));
  }

  /** writev(2) from memory of the task. */
  writev(fd: number, vectors: Vectors): Result<M, number> {
    return this.vectored('writev', fd, vectors, (at, count) => calls.writev(this.task, fd, at, count));
  }

  /** preadv2(2); preadv(2) without flags. @param offset undefined for the file's own position */
  preadv2(fd: number, vectors: Vectors, offset: number | undefined, flags = 0): Result<M, number> {
    return this.vectored('preadv2', fd, vectors, (at, count) => calls.preadv2(this.task, fd, at, count, offset, flags));
  }

  pwritev2(fd: number, vectors: Vectors, offset: number | undefined, flags = 0): Result<M, number> {
    return this.vectored('pwritev2', fd, vectors, (at, count) => calls.pwritev2(this.task, fd, at, count, offset, flags));
  }

  /** sendfile(2) from the file's own position. */
  sendfile(outFd: number, inFd: number, count: number): Result<M, number> {
    return this.invoke('sendfile', [outFd, inFd, count], () => calls.sendfile(this.task, outFd, inFd, 0, count));
  }

  /** splice(2) at the files' own positions. */
  splice(inFd: number, outFd: number, length: number, flags = 0): Result<M, number> {
    return this.invoke('splice', [inFd, outFd, length, flags], () => calls.splice(this.task, inFd, 0, outFd, 0, length, flags));
  }

  /** copy_file_range(2) at the files' own positions. */
  copyFileRange(inFd: number, outFd: number, length: number): Result<M, number> {
    const begin = () => calls.copyFileRange(this.task, inFd, 0, outFd, 0, length, 0);
    return this.invoke('copy_file_range', [inFd, outFd, length], begin);
  }

  /** posix_fadvise(2). */
  fadvise(fd: number, offset: number, length: number, advice: number): Result<M, number> {
    return this.invoke('fadvise64', [fd, offset, length, advice], () => calls.fadvise(this.task, fd, offset, length, advice));
  }

  readahead(fd: number): Result<M, number> {
    return this.invoke('readahead', [fd], () => calls.readahead(this.task, fd));
  }

  syncFileRange(fd: number, offset: number, length: number, flags: number): Result<M, number> {
    return this.invoke('sync_file_range', [fd, offset, length, flags], () => calls.syncFileRange(this.task, fd, offset, length, flags));
  }

  syncfs(fd: number): Result<M, number> {
    return this.invoke('syncfs', [fd], () => calls.syncfs(this.task, fd));
  }

  lseek(fd: number, offset: number, whence: number): Result<M, number> {
    return this.invoke('lseek', [fd, offset, whence], () => calls.lseek(this.task, fd, offset, whence));
  }

  /**
   * ioctl(2). With a typed request: its argument is checked and encoded, and the answer is what the request gives: the struct for
   * requests that the kernel answers in, else the return value. With a number: the argument is passed as it is.
   */
  ioctl<A, D, R, W>(fd: number, request: Request<A, D, R, W>, ...argument: A extends undefined ? [] : [A]): Result<M, R>;
  ioctl(fd: number, request: number, argument: number): Result<M, number>;
  ioctl(fd: number, request: AnyRequest | number, argument?: any): Result<M, any> {
    if (typeof request === 'number') return this.#ioctl(fd, request, argument as number);
    if (request.shape === 'none' || request.shape === 'value')
      return this.#ioctl(fd, request.number, (argument as number | undefined) ?? 0);
    if (request.shape === 'string') {
      const text = this.filled(utf8.encode(`${argument as string}\0`));
      return this.#ioctl(fd, request.number, text.address, same, text.free);
    }
    const layout = request.layout as Layout<any, any>;
    const { address, free } = this.struct(layout, request.shape === 'out' ? undefined : argument);
    if (request.shape === 'in') return this.#ioctl(fd, request.number, address, same, free);
    const decode = () => layout.decode(this.space.view, this.space.readable(address, layout.size));
    return this.#ioctl(fd, request.number, address, decode, free);
  }

  /**
   * ioctl(2) with the address of bytes, for whoever has laid them out elsewhere.
   *
   * @returns what the call returned, and the bytes as it left them
   */
  ioctlBytes(fd: number, request: number, data: Data): Result<M, { readonly result: number; readonly bytes: Uint8Array }> {
    const { address, length, free } = this.filled(bytesOf(data));
    return this.#ioctl(fd, request, address, (result) => ({ result, bytes: this.space.load(address, length) }), free);
  }

  #ioctl<R>(fd: number, request: number, argument: number, end: (value: number) => R = same as never, free?: () => void): Result<M, R> {
    return this.caller.call('ioctl', [fd, request, argument], () => calls.ioctl(this.task, fd, request, argument), end, free);
  }
}
