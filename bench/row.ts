import { type Quantiles, quantiles } from './statistics.ts';

/** What a row says about the time that one call takes, or about the room that a thing takes. */
export interface Row {
  readonly name: string;
  /** What the call is compared with. */
  readonly baseline?: string;
  /** What a call is one of, for who wants to know how many go in a second: `messages`. */
  readonly counts?: string;
  /** The ratio must be below; a row without one only informs. */
  readonly target?: number;
  /** A string says why it was not run. */
  readonly measured: Measured | Size | string;
}

export interface Size {
  readonly bytes: number;
}

export interface Measured {
  /** Time of a call, in nanoseconds: the median over the rounds. */
  readonly call_ns: Quantiles;
  readonly baseline_ns?: Quantiles;
  /** Of the medians of the call and its baseline in the same round, over all rounds. */
  readonly ratio?: Quantiles;
}

export type Verdict = 'met' | 'missed' | 'not run' | 'no target';

export function verdictOf({ target, measured }: Row): Verdict {
  if (typeof measured === 'string') return 'not run';
  if (target === undefined || 'bytes' in measured || measured.ratio === undefined) return 'no target';
  return measured.ratio.median < target ? 'met' : 'missed';
}

/** Measures one round: some hundred calls, say. @returns quantiles of a call's time in nanoseconds */
export type Round = () => Promise<Quantiles>;

const ROUNDS = 25;
/** Rounds that do not count: caches fill, and compilers see what is hot. */
const WARM_UP_ROUNDS = 10;

/** The median round. */
const typical = (all: readonly Quantiles[]): Quantiles => ({
  median: quantiles(all.map(({ median }) => median)).median,
  p10: quantiles(all.map(({ p10 }) => p10)).median,
  p90: quantiles(all.map(({ p90 }) => p90)).median,
});

/** Runs rounds; those that warm up are not kept. */
async function rounds<T>(run: () => Promise<T>): Promise<T[]> {
  const kept: T[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const result = await run();
    if (round >= 0) kept.push(result);
  }
  return kept;
}

/** Rounds of a call and of its baseline in turn, so that a change of the host's pace meets both. */
export async function compare(call: Round, baseline: Round): Promise<Measured> {
  const pairs = await rounds(async () => ({ ours: await call(), theirs: await baseline() }));
  return {
    call_ns: typical(pairs.map(({ ours }) => ours)),
    baseline_ns: typical(pairs.map(({ theirs }) => theirs)),
    ratio: quantiles(pairs.map(({ ours, theirs }) => ours.median / theirs.median)),
  };
}

/** Rounds of a call that is compared with nothing. */
export async function time(call: Round): Promise<Measured> {
  return { call_ns: typical(await rounds(call)) };
}
