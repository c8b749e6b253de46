/** iio_device_register_debugfs: registers of the hardware, for whoever debugs it. */
import { Errno } from '../../abi/index.ts';
import type { FileOperations } from '../../kernel/index.ts';
import type { DebugfsDirectory } from '../../vfs/pseudo/index.ts';

export interface RegisterAccess {
  /** @throws Errno */
  read(register: number): number;
  /** @throws Errno */
  write(register: number, value: number): void;
}

/** Bytes of a write that count. */
const TEXT_MAX = 79;

/** As sscanf's %i: decimal, or by its prefix. */
const NUMBER = /^\s*([+-]?(?:0[xX][0-9a-fA-F]+|\d+))/;

function numbersIn(text: string): number[] {
  const numbers: number[] = [];
  for (let rest = text; numbers.length < 2; ) {
    const found = NUMBER.exec(rest);
    if (found === null) break;
    const digits = found[1] as string;
    numbers.push(/^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits));
    rest = rest.slice(found[0].length);
  }
  return numbers;
}

/** `direct_reg_access`: a number chooses the register that is read next, two write the second into the first. */
export function addRegisterAccess(folder: DebugfsDirectory, registers: RegisterAccess): void {
  let chosen = 0;
  const operations: FileOperations<{ text: Uint8Array }> = {
    open(file) {
      file.private = { text: new Uint8Array(0) };
    },
    *read(file, to, at) {
      if (at.position === 0) file.private.text = Buffer.from(`0x${registers.read(chosen).toString(16).toUpperCase()}\n`);
      const done = yield* to.put(file.private.text.subarray(at.position));
      at.position += done;
      return done;
    },
    *write(_file, from) {
      const length = from.remaining;
      const numbers = numbersIn(Buffer.from(yield* from.take(Math.min(length, TEXT_MAX))).toString('latin1'));
      const [register, value] = numbers;
      if (register === undefined) throw new Errno('EINVAL', 'neither one number nor two');
      chosen = register >>> 0;
      if (value !== undefined) registers.write(chosen, value >>> 0);
      return length;
    },
  };
  folder.createFile('direct_reg_access', 0o644, operations);
}
