/** Comparisons of designs, by name. */
import type { Experiment } from './experiment.ts';
import { keembayLifetimes } from './keembay-lifetimes.ts';
import { remoteprocRegions } from './remoteproc-regions.ts';

export { type Comparison, type Experiment, formatComparison } from './experiment.ts';

export const experiments: Readonly<Record<string, Experiment>> = {
  [keembayLifetimes.name]: keembayLifetimes,
  [remoteprocRegions.name]: remoteprocRegions,
};
