/** Comparisons of designs, by name. */
import type { Experiment } from './experiment.ts';
import { iioToUsb } from './iio-to-usb/index.ts';
import { ims } from './ims.ts';
import { keembayLifetimes } from './keembay-lifetimes.ts';
import { remoteprocRegions } from './remoteproc-regions.ts';
import { vcsmDesigns } from './vcsm-designs.ts';

export { type Comparison, type Experiment, formatComparison } from './experiment.ts';

export const experiments: Readonly<Record<string, Experiment>> = {
  [iioToUsb.name]: iioToUsb,
  [ims.name]: ims,
  [keembayLifetimes.name]: keembayLifetimes,
  [remoteprocRegions.name]: remoteprocRegions,
  [vcsmDesigns.name]: vcsmDesigns,
};
