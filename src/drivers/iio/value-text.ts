/** Values that programs write to channels: iio_str_to_fixpoint of drivers/iio/industrialio-core.c. */
import { Errno } from '../../abi/index.ts';

/** The integer part of a number, which may have a fraction. A NUL ends the text. @throws Errno EINVAL */
export function parseInteger(text: string): number {
  const found = /^([+-]?\d+)(?:\.\d*)?\n?(?:\0|$)/.exec(text);
  if (found === null) throw new Errno('EINVAL', `"${text}" is no number`);
  return Number(found[1]);
}
