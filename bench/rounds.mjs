// A program such as native/round.h describes, in plain JavaScript: what translates TypeScript on the fly slows the measured code.
import { createInterface } from 'node:readline';

/** Calls in one sample: the clock costs as much as a call. */
export const CALLS = 50;

/** @returns quantiles of the time of a call in nanoseconds */
function measure({ prepare, work, calls }, samples) {
  const took = new Float64Array(samples);
  for (let i = 0; i < samples; i++) {
    prepare();
    const began = process.hrtime.bigint();
    work();
    took[i] = Number(process.hrtime.bigint() - began) / calls;
  }
  took.sort();
  const at = (share) => took[Math.floor(share * (samples - 1))];
  return { median: at(0.5), p10: at(0.1), p90: at(0.9) };
}

/** What a round runs: a bare function makes {@link CALLS} calls at a time. */
const roundOf = (work) => (typeof work === 'function' ? { prepare() {}, work, calls: CALLS } : { calls: 1, ...work });

/**
 * Answers until the input ends.
 *
 * @param works by name: a function that makes so many calls; one call with what must be done before it and is not measured; or a
 *   number that was found already
 */
export async function answerRounds(works) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, samples] = line.split(' ');
    const work = works[name];
    const found = typeof work === 'number' ? { median: work, p10: work, p90: work } : measure(roundOf(work), Number(samples));
    console.log(JSON.stringify(found));
  }
}
