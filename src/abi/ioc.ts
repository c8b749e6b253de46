/**
 * ioctl request numbers as asm-generic/ioctl.h packs them: direction (2 bits), size (14), type (8), number (8). The same on
 * x86-64 and arm64.
 */
export const IOC_NONE = 0;
/** The argument goes from the program to the kernel. */
export const IOC_WRITE = 1;
/** The argument goes from the kernel to the program. */
export const IOC_READ = 2;

export const IOC_SIZE_MAX = (1 << 14) - 1;

/** A type letter as `'b'`, or its number. */
export type IocType = string | number;

/**
 * Packs a request number.
 *
 * @param size of the argument in bytes, 0 to 16383
 * @returns the number, 0 to 2^32 - 1
 * @throws RangeError when a part does not fit its bits
 */
export function ioc(direction: number, type: IocType, nr: number, size: number): number {
  const letter = typeof type === 'string' ? type.charCodeAt(0) : type;
  if (typeof type === 'string' && type.length !== 1) throw new RangeError(`ioctl type ${JSON.stringify(type)} is not one character`);
  if (!(letter >= 0 && letter <= 255)) throw new RangeError(`ioctl type ${letter} does not fit 8 bits`);
  if (!(nr >= 0 && nr <= 255)) throw new RangeError(`ioctl number ${nr} does not fit 8 bits`);
  if (!(size >= 0 && size <= IOC_SIZE_MAX)) throw new RangeError(`ioctl argument of ${size} bytes does not fit 14 bits`);
  return ((direction << 30) | (size << 16) | (letter << 8) | nr) >>> 0;
}

export function iocDirection(request: number): number {
  return request >>> 30;
}

export function iocSize(request: number): number {
  return (request >>> 16) & IOC_SIZE_MAX;
}

export function iocType(request: number): number {
  return (request >>> 8) & 0xff;
}

export function iocNr(request: number): number {
  return request & 0xff;
}

/** A request number as strace prints one it does not know: `_IOC(_IOC_READ|_IOC_WRITE, 0x62, 0x2, 0x8)`. */
export function formatIoc(request: number): string {
  const direction = ['_IOC_NONE', '_IOC_WRITE', '_IOC_READ', '_IOC_READ|_IOC_WRITE'][iocDirection(request)];
  const parts = [iocType(request), iocNr(request), iocSize(request)].map((part) => `0x${part.toString(16)}`);
  return `_IOC(${direction}, ${parts.join(', ')})`;
}
