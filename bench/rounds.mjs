// A program such as native/round.h describes, in plain JavaScript: what translates TypeScript on the fly slows the measured code.
import { createInterface } from 'node:readline';

/** Calls in one sample: the clock costs as much as a call. */
export const CALLS = 50;

/** @returns quantiles of the time of a call in nanoseconds */
function measure(work, samples) {
  const took = new Float64Array(samples);
  for (let i = 0; i < samples; i++) {
    const began = process.hrtime.bigint();
    work();
    took[i] = Number(process.hrtime.bigint() - began) / CALLS;
  }
  took.sort();
  const at = (share) => took[Math.floor(share * (samples - 1))];
  return { median: at(0.5), p10: at(0.1), p90: at(0.9) };
}

/** Answers until the input ends. @param works by name: a function that makes so many calls, or a number that was found already */
export async function answerRounds(works) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, samples] = line.split(' ');
    const work = works[name];
    console.log(JSON.stringify(typeof work === 'number' ? { median: work, p10: work, p90: work } : measure(work, Number(samples))));
  }
}
