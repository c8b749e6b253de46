/** Where the middle of some measurements lies, and how far they scatter. */
export interface Quantiles {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

/** Quantiles of at least one value. */
export function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] as number;
  return { median: at(0.5), p10: at(0.1), p90: at(0.9) };
}

/** What the same quantiles of several measurements make together. */
export function sum(...parts: readonly Quantiles[]): Quantiles {
  const total = (of: keyof Quantiles) => parts.reduce((whole, part) => whole + part[of], 0);
  return { median: total('median'), p10: total('p10'), p90: total('p90') };
}
