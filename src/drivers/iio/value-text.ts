/** Values of channels as text: iio_format_value and iio_str_to_fixpoint of drivers/iio/industrialio-core.c. */
import { Errno } from '../../abi/index.ts';

/** IIO_VAL_INT_PLUS_MICRO: six digits after the point. @param value in units of one */
export function formatMicro(value: number): string {
  const micro = Math.round(Math.abs(value) * 1e6);
  return `${value < 0 ? '-' : ''}${Math.floor(micro / 1e6)}.${String(micro % 1e6).padStart(6, '0')}`;
}

/**
 * What a program wrote to an attribute: a number with at most six digits after the point that count.
 *
 * @returns in millionths @throws Errno EINVAL
 */
export function parseMicro(text: string): number {
  const found = /^([+-]?)(\d+)(?:\.(\d*))?\n?(?:\0|$)/.exec(text);
  if (found === null) throw new Errno('EINVAL', `"${text}" is no number`);
  const [, sign, integer = '', fraction = ''] = found;
  const micro = Number(integer) * 1e6 + Number(fraction.slice(0, 6).padEnd(6, '0'));
  return sign === '-' ? -micro : micro;
}

/** The same of which only the integer counts. */
export const parseInteger = (text: string): number => Math.trunc(parseMicro(text) / 1e6);
