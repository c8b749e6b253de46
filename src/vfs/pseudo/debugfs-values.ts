/** Files of debugfs that hold one value of a driver's: debugfs_create_u32 and its like (fs/debugfs/file.c, simple_attr of fs/libfs.c). */
import { Errno } from '../../abi/index.ts';
import { type FileOperations, kstrtobool, kstrtoull, type Position, type UserBuffer } from '../../kernel/index.ts';
import { defaultSeek } from './seek.ts';

/** Where a value is. */
export interface Value<T> {
  value: T;
}

/** How many bytes of a write count. */
const SIMPLE_ATTR_MAX = 23;
/** kstrtobool_from_user. */
const BOOL_MAX = 3;

function* putFrom(bytes: Uint8Array, to: UserBuffer, at: Position) {
  const rest = bytes.subarray(at.position);
  const done = rest.length === 0 ? 0 : yield* to.put(rest);
  at.position += done;
  return done;
}

/** simple_attr: the text is made at the first read of each open file. */
function simpleAttribute(get: () => string, set: ((text: string) => void) | undefined): FileOperations<{ text: string }> {
  return {
    open(file) {
      file.makeNonseekable();
      file.private = { text: '' };
    },
    *read(file, to, at) {
      if (at.position === 0 || file.private.text === '') file.private.text = get();
      return yield* putFrom(Buffer.from(file.private.text), to, at);
    },
    *write(_file, from) {
      if (set === undefined) throw new Errno('EACCES', 'the value is only read');
      const length = from.remaining;
      const bytes = yield* from.take(Math.min(length, SIMPLE_ATTR_MAX));
      set(Buffer.from(bytes).toString('latin1'));
      return length;
    },
  };
}

const isWritable = (mode: number) => (mode & 0o222) !== 0;

/** An unsigned value of that many bits. A number that does not fit loses its upper bits, as the assignment in C does. */
const unsigned =
  (bits: number, format: (value: bigint) => string) =>
  (mode: number, at: Value<number> | Value<bigint>): FileOperations => {
    const asNumber = typeof at.value === 'number';
    const set = (text: string) => {
      const value = BigInt.asUintN(bits, kstrtoull(text));
      (at as Value<number | bigint>).value = asNumber ? Number(value) : value;
    };
    return simpleAttribute(() => `${format(BigInt(at.value))}\n`, isWritable(mode) ? set : undefined);
  };

const decimal = (value: bigint) => value.toString();
const hexadecimal = (digits: number) => (value: bigint) => `0x${value.toString(16).padStart(digits, '0')}`;

// Operations for createFile; `mode` is that of the file, and says whether the value can be set.
export const debugfsU8 = unsigned(8, decimal);
export const debugfsU16 = unsigned(16, decimal);
export const debugfsU32 = unsigned(32, decimal);
export const debugfsU64 = unsigned(64, decimal);
export const debugfsX8 = unsigned(8, hexadecimal(2));
export const debugfsX16 = unsigned(16, hexadecimal(4));
export const debugfsX32 = unsigned(32, hexadecimal(8));
export const debugfsX64 = unsigned(64, hexadecimal(16));

/** debugfs_create_bool: `Y` or `N`. What is neither is taken and changes nothing. */
export function debugfsBool(mode: number, at: Value<boolean>): FileOperations {
  const reading: FileOperations = {
    read: (_file, to, position) => putFrom(Buffer.from(at.value ? 'Y\n' : 'N\n'), to, position),
    llseek: defaultSeek,
  };
  if (!isWritable(mode)) return reading;
  return {
    ...reading,
    *write(_file, from) {
      const length = from.remaining;
      const text = Buffer.from(yield* from.take(Math.min(length, BOOL_MAX))).toString('latin1');
      try {
        at.value = kstrtobool(text);
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
      }
      return length;
    },
  };
}

/** debugfs_create_blob: bytes as they are. */
export function debugfsBlob(bytes: () => Uint8Array): FileOperations {
  return { read: (_file, to, at) => putFrom(bytes(), to, at), llseek: defaultSeek };
}
