/** What attributes of sysfs share: numbers and when they may be written. */
import { Errno, isErrno } from '../../abi/index.ts';
import { type Attribute, kstrtoll, kstrtoull, type MaybeKernel } from '../../kernel/index.ts';

export const reading = (name: string, show: () => string): Attribute => ({ name, mode: 0o444, show: () => `${show()}\n` });

export const writing = (name: string, show: () => string, store: (text: string) => MaybeKernel<void>): Attribute => ({
  name,
  mode: 0o644,
  show: () => `${show()}\n`,
  store: (text) => store(text),
});

/** Whatever is wrong with a number is EINVAL here. */
function number(parse: () => bigint): number {
  try {
    return Number(parse());
  } catch (error) {
    if (isErrno(error, 'ERANGE')) throw new Errno('EINVAL', error.message);
    throw error;
  }
}

/** kstrtoul, for which every error is the same. @throws Errno EINVAL */
export const unsigned = (text: string, base: 0 | 10 = 10): number => number(() => kstrtoull(text, base));
/** kstrtol. @throws Errno EINVAL */
export const signed = (text: string): number => number(() => kstrtoll(text, 10));

export function deny(condition: boolean, code: 'EPERM' | 'ENXIO' | 'EINVAL' | 'EOPNOTSUPP', why: string): void {
  if (condition) throw new Errno(code, why);
}

/** `%*pb` of 256 bits, lowest byte first. */
export function bitmap(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const words = Array.from({ length: bytes.length / 4 }, (_, index) =>
    view
      .getUint32(4 * index, true)
      .toString(16)
      .padStart(8, '0'),
  );
  return words.reverse().join(',');
}

/** bitmap_parse: hexadecimal groups of 32 bits, highest first. @throws Errno EINVAL, EOVERFLOW */
export function parseBitmap(text: string, bytes: number): Uint8Array {
  const groups = text.trim().split(',');
  if (groups.some((group) => !/^[0-9a-fA-F]{1,8}$/.test(group))) throw new Errno('EINVAL', `"${text.trim()}" is no bitmap`);
  if (groups.length > bytes / 4) throw new Errno('EOVERFLOW', `more than ${bytes * 8} bits`);
  const out = new Uint8Array(bytes);
  for (const [index, group] of groups.reverse().entries()) new DataView(out.buffer).setUint32(4 * index, Number.parseInt(group, 16), true);
  return out;
}
