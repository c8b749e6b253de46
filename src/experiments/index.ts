/** Comparisons of designs, by name. */
import type { Experiment } from './experiment.ts';
import { iioToUsb } from './iio-to-usb/index.ts';
import { keembayLifetimes } from './keembay-lifetimes.ts';

export { type Comparison, type Experiment, formatComparison } from './experiment.ts';

export const experiments: Readonly<Record<string, Experiment>> = {
  [keembayLifetimes.name]: keembayLifetimes,
  [iioToUsb.name]: iioToUsb,
};
