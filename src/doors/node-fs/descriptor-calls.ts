import type * as fs from 'node:fs';
import { F_DUPFD_CLOEXEC, O_CLOEXEC, S_IFMT, S_IFREG } from '../../abi/uapi/index.ts';
import type { Sys } from '../in-process/index.ts';
import {
  bytesOf,
  dataOf,
  descriptorOf,
  flagsOf,
  integerOf,
  isDescriptor,
  modeOf,
  optionsOf,
  pathOf,
  positionOf,
  timeOf,
  viewOf,
  viewsOf,
} from './arguments.ts';
import { invalidValue, outOfRange, request } from './errors.ts';
import { BigIntStats, Stats } from './stats.ts';

/** Functions of `node:fs` that work on open files. */
export type DescriptorCalls = Pick<
  typeof fs,
  | 'openSync'
  | 'closeSync'
  | 'readSync'
  | 'writeSync'
  | 'readvSync'
  | 'writevSync'
  | 'fstatSync'
  | 'fchmodSync'
  | 'fchownSync'
  | 'futimesSync'
  | 'ftruncateSync'
  | 'fsyncSync'
  | 'fdatasyncSync'
  | 'readFileSync'
  | 'writeFileSync'
  | 'appendFileSync'
>;

/** In a Node process the first three are taken. Its streams rely on that: they do not close descriptor 0. */
const FIRST_DESCRIPTOR = 3;
/** What is read at once from what does not tell its size. */
const CHUNK = 8192;
/** -1 leaves an id alone. */
const ID_MAX = 2 ** 32 - 1;

export function descriptorCalls(sys: Sys<'sync'>): DescriptorCalls {
  const read = (fd: number, into: Buffer, position: number | undefined): number => {
    const bytes = request('read', undefined, undefined, () =>
      position === undefined ? sys.read(fd, into.length) : sys.pread(fd, into.length, position),
    );
    into.set(bytes);
    return bytes.length;
  };
  const write = (fd: number, data: Buffer, position: number | undefined): number =>
    request('write', undefined, undefined, () => (position === undefined ? sys.write(fd, data) : sys.pwrite(fd, data, position)));

  const open = (path: unknown, flags: unknown, mode: unknown): number => {
    const name = pathOf(path);
    const bits = flagsOf(flags);
    const permissions = modeOf(mode, 0o666);
    return request('open', name, undefined, () => {
      const fd = sys.open(name, bits | O_CLOEXEC, permissions);
      if (fd >= FIRST_DESCRIPTOR) return fd;
      try {
        return sys.fcntl(fd, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
      } finally {
        sys.close(fd);
      }
    });
  };
  const close = (fd: unknown): void => {
    const number = descriptorOf(fd);
    request('close', undefined, undefined, () => sys.close(number));
  };
  const stat = (fd: number) => request('fstat', undefined, undefined, () => sys.fstat(fd));

  /** Runs with a descriptor of the caller's, or with one of a path for as long as it runs. */
  const withFile = <T>(file: unknown, flags: unknown, mode: unknown, use: (fd: number) => T): T => {
    if (isDescriptor(file)) return use(file);
    const fd = open(file, flags, mode);
    try {
      return use(fd);
    } finally {
      close(fd);
    }
  };

  /** Everything from the position to the end. @param size what the file says; 0 when it may not know */
  const readAll = (fd: number, size: number): Buffer => {
    const pieces: Buffer[] = [];
    for (let length = 0; size === 0 || length < size; ) {
      const piece = Buffer.allocUnsafe(size === 0 ? CHUNK : size - length);
      const count = read(fd, piece, undefined);
      if (count === 0) break;
      pieces.push(piece.subarray(0, count));
      length += count;
    }
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  };

  const writeFile = (file: unknown, content: unknown, options: { encoding?: unknown; mode?: unknown; flag?: unknown; flush?: unknown }) => {
    const data = dataOf(content, 'data', options.encoding);
    withFile(file, options.flag || 'w', options.mode, (fd) => {
      for (let done = 0; done < data.length; ) done += write(fd, data.subarray(done), undefined);
      if (options.flush === true) request('fsync', undefined, undefined, () => sys.fsync(fd));
    });
  };

  return {
    openSync: open,
    closeSync: close,

    readSync(file: unknown, view: unknown, offsetOrOptions?: any, givenLength?: any, givenPosition?: any): number {
      const fd = descriptorOf(file);
      const buffer = viewOf(view);
      const options = offsetOrOptions !== null && typeof offsetOrOptions === 'object' ? offsetOrOptions : undefined;
      const offset = integerOf(options?.offset ?? (options === undefined ? offsetOrOptions : undefined) ?? 0, 'offset', 0);
      const length = (options === undefined ? givenLength : options.length) ?? buffer.byteLength - offset;
      if (length === 0) return 0;
      if (buffer.byteLength === 0) throw invalidValue('buffer', 'is empty and cannot be written', buffer);
      checkRange(buffer, offset, length);
      return read(fd, bytesOf(buffer, offset, length), positionOf(options === undefined ? givenPosition : options.position));
    },

    writeSync(file: unknown, content: unknown, offsetOrOptions?: any, lengthOrEncoding?: any, givenPosition?: any): number {
      const fd = descriptorOf(file);
      if (typeof content === 'string') return write(fd, dataOf(content, 'buffer', lengthOrEncoding), positionOf(offsetOrOptions));
      const data = dataOf(content, 'buffer');
      const options = offsetOrOptions !== null && typeof offsetOrOptions === 'object' ? offsetOrOptions : undefined;
      const offset = integerOf(options?.offset ?? (options === undefined ? offsetOrOptions : undefined) ?? 0, 'offset', 0);
      const given = options === undefined ? lengthOrEncoding : options.length;
      const length = typeof given === 'number' ? given : data.length - offset;
      checkRange(data, offset, length);
      const position = positionOf(options === undefined ? givenPosition : options.position);
      return write(fd, data.subarray(offset, offset + length), position);
    },

    readvSync(file: unknown, buffers: unknown, position?: unknown): number {
      const fd = descriptorOf(file);
      const views = viewsOf(buffers);
      const bytes = Buffer.allocUnsafe(views.reduce((sum, view) => sum + view.byteLength, 0));
      const count = read(fd, bytes, positionOf(position));
      let at = 0;
      for (const view of views) {
        bytes.copy(bytesOf(view), 0, at, Math.min(at + view.byteLength, count));
        at += view.byteLength;
        if (at >= count) break;
      }
      return count;
    },

    writevSync(file: unknown, buffers: unknown, position?: unknown): number {
      const fd = descriptorOf(file);
      const data = Buffer.concat(viewsOf(buffers).map((view) => bytesOf(view)));
      return write(fd, data, positionOf(position));
    },

    fstatSync(file: unknown, options?: { bigint?: boolean | undefined }): any {
      const result = stat(descriptorOf(file));
      return options?.bigint ? new BigIntStats(result) : new Stats(result);
    },

    fchmodSync(file: unknown, mode: unknown): void {
      const fd = descriptorOf(file);
      const permissions = modeOf(mode);
      request('fchmod', undefined, undefined, () => sys.fchmod(fd, permissions));
    },

    fchownSync(file: unknown, uid: unknown, gid: unknown): void {
      const fd = descriptorOf(file);
      const [user, group] = [integerOf(uid, 'uid', -1, ID_MAX), integerOf(gid, 'gid', -1, ID_MAX)];
      request('fchown', undefined, undefined, () => sys.fchown(fd, user, group));
    },

    futimesSync(file: unknown, atime: unknown, mtime: unknown): void {
      const fd = descriptorOf(file);
      const [accessed, modified] = [timeOf(atime, 'atime'), timeOf(mtime, 'mtime')];
      request('futime', undefined, undefined, () => sys.futimens(fd, accessed, modified));
    },

    ftruncateSync(file: unknown, length: unknown = 0): void {
      const fd = descriptorOf(file);
      const size = Math.max(0, integerOf(length ?? 0, 'len', Number.MIN_SAFE_INTEGER));
      request('ftruncate', undefined, undefined, () => sys.ftruncate(fd, size));
    },

    fsyncSync(file: unknown): void {
      const fd = descriptorOf(file);
      request('fsync', undefined, undefined, () => sys.fsync(fd));
    },

    fdatasyncSync(file: unknown): void {
      const fd = descriptorOf(file);
      request('fdatasync', undefined, undefined, () => sys.fsync(fd));
    },

    readFileSync(file: unknown, given?: unknown): any {
      const options = optionsOf<{ encoding?: unknown; flag?: unknown }>(given, { flag: 'r' });
      const { encoding } = options;
      const content = withFile(file, options.flag, 0o666, (fd) => {
        // With UTF-8 Node goes another way, which shows in the error of a closed descriptor.
        const isText = encoding === 'utf8' || encoding === 'utf-8';
        return readAll(fd, isText && isDescriptor(file) ? 0 : sizeOf(stat(fd)));
      });
      return encoding && encoding !== 'buffer' ? content.toString(encoding as BufferEncoding) : content;
    },

    writeFileSync(file: unknown, content: unknown, given?: unknown): void {
      writeFile(file, content, optionsOf(given, { encoding: 'utf8', mode: 0o666, flag: 'w' }));
    },

    appendFileSync(file: unknown, content: unknown, given?: unknown): void {
      const options = optionsOf(given, { encoding: 'utf8', mode: 0o666, flag: 'a' });
      writeFile(file, content, { ...options, flag: options.flag || 'a' });
    },
  };
}

const sizeOf = ({ mode, size }: { readonly mode: number; readonly size: number }) => ((mode & S_IFMT) === S_IFREG ? size : 0);

function checkRange(view: NodeJS.ArrayBufferView, offset: number, length: number): void {
  if (length < 0) throw outOfRange('length', '>= 0', length);
  if (length > view.byteLength - offset) throw outOfRange('length', `<= ${view.byteLength - offset}`, length);
}
