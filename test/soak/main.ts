/**
 * Runs what is random for as long as one likes: `npm run soak -- --seconds N [--seed S]`. The first round has the seed S, the next
 * one S + 1, and so on; a failure says the seed of its round.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, program } from 'commander';
import { Random } from '../../src/kernel/index.ts';
import { hasCompiler } from '../support/compiler.ts';
import { crowd } from '../support/crowd.ts';
import { runMutants } from '../support/firmware-mutants.ts';
import { runFunctionFsRounds } from '../support/functionfs-rounds.ts';
import { hasFuse } from '../support/fuse.ts';
import { Hostility } from '../support/hostility.ts';
import { runRounds } from '../support/remoteproc-rounds.ts';
import { crashUnderTalks, talkAtOnce } from '../support/rpmsg-talks.ts';
import { longCases, prepareSyncSelftest } from '../support/sync-selftest.ts';
import { runVideoCoreRounds } from '../support/videocore-rounds.ts';
import { makeFenceSchedule, runFenceSchedule } from './fence-schedules.ts';
import { type Outcome, runKeembaySchedule, unsaidWith, wrongWithout } from './keembay-schedules.ts';
import { runSchedule } from './schedules.ts';
import { compareDoors } from './scripts.ts';

const SCHEDULES_PER_ROUND = 50;
const FENCE_SCHEDULES_PER_ROUND = 500;
const KEEMBAY_SCHEDULES_PER_ROUND = 10;
const HOSTILE_CALLS_PER_ROUND = 10_000;
const FUNCTIONFS_SCENARIOS_PER_ROUND = 100;
const MUTANTS_PER_ROUND = 1000;
const PROCESSOR_ROUNDS_PER_ROUND = 100;
const RPMSG_SCHEDULES_PER_ROUND = 50;
const VIDEOCORE_SHARES_PER_ROUND = 10_000;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('it is not a whole number.');
  return value;
}

function repeatSchedules(round: number): void {
  for (let i = 0; i < SCHEDULES_PER_ROUND; i++) {
    const seed = round * SCHEDULES_PER_ROUND + i;
    const first = runSchedule(seed);
    if (runSchedule(seed) !== first) throw new Error(`two runs of schedule ${seed} differ`);
  }
}

function repeatFenceSchedules(round: number): void {
  for (let i = 0; i < FENCE_SCHEDULES_PER_ROUND; i++) {
    const seed = round * FENCE_SCHEDULES_PER_ROUND + i;
    try {
      runFenceSchedule(makeFenceSchedule(seed, new Random(seed)));
    } catch (error) {
      throw new Error(`schedule of fences ${seed} failed`, { cause: error });
    }
  }
}

function checkKeembay(outcome: Outcome, wrong: readonly string[]): void {
  if (wrong.length > 0) throw new Error(`messages to a VPU, ${outcome.context}: ${wrong.join('; ')}`);
  outcome.machine.shutdown();
}

function talkToVpus(round: number): void {
  for (let i = 0; i < KEEMBAY_SCHEDULES_PER_ROUND; i++) {
    const seed = round * KEEMBAY_SCHEDULES_PER_ROUND + i;
    const right = runKeembaySchedule(seed, []);
    checkKeembay(right, wrongWithout(right));
    const real = runKeembaySchedule(seed);
    checkKeembay(real, unsaidWith(real));
  }
}

async function talkToRemotes(round: number): Promise<void> {
  for (let i = 0; i < RPMSG_SCHEDULES_PER_ROUND; i++) {
    await talkAtOnce(round * RPMSG_SCHEDULES_PER_ROUND + i);
    await crashUnderTalks(round * RPMSG_SCHEDULES_PER_ROUND + i);
  }
}

program
  .option('--seconds <number>', 'how long', wholeNumber, 60)
  .option('--seed <number>', 'of the first round', wholeNumber, Math.floor(Math.random() * 2 ** 31));
const { seconds, seed } = program.parse().opts<{ seconds: number; seed: number }>();

const folder = mkdtempSync(join(tmpdir(), 'ioctopus-soak-'));
const hostility = hasCompiler ? await Hostility.prepare(folder) : undefined;
const syncSelftest = hasCompiler ? prepareSyncSelftest(folder) : undefined;
/** One of the long cases, as often as the kernel's own test does it. */
const longCaseOf = (round: number) => longCases[round % longCases.length] as (typeof longCases)[number];
const crowdAt = hasFuse ? crowd(folder) : undefined;
if (crowdAt === undefined) console.log('without FUSE there is no crowd at a mount');
const soaks = new Map<string, (seed: number) => void | Promise<void>>([
  ['the same scripts through both doors', compareDoors(folder)],
  ['schedules of programs', repeatSchedules],
  ['schedules of fences', repeatFenceSchedules],
  ['mutants of firmware', (round) => void runMutants(round * MUTANTS_PER_ROUND, MUTANTS_PER_ROUND)],
  ['remote processors that come and go', (round) => void runRounds(round, PROCESSOR_ROUNDS_PER_ROUND)],
  [
    'a gadget with a host that disturbs it',
    (round) => void runFunctionFsRounds(round * FUNCTIONFS_SCENARIOS_PER_ROUND, FUNCTIONFS_SCENARIOS_PER_ROUND),
  ],
  ['memory shared with the VideoCore', (round) => void runVideoCoreRounds(round, VIDEOCORE_SHARES_PER_ROUND)],
  ['messages to a VPU', talkToVpus],
  ['messages to remote processors', talkToRemotes],
  ['the sync selftest', async (round) => syncSelftest?.(...longCaseOf(round))],
  ['wrong arguments', async (round) => hostility?.calls(round, HOSTILE_CALLS_PER_ROUND)],
  ['wrong calls on files', async (round) => hostility?.files(round, HOSTILE_CALLS_PER_ROUND)],
  ['a crowd at one node, natively and through the mount', async (round) => crowdAt?.(round)],
  ['a protocol that is not kept', async (round) => hostility?.protocol(round, HOSTILE_CALLS_PER_ROUND)],
]);

console.log(`seed ${seed}`);
const end = performance.now() + seconds * 1000;
let round = seed;
try {
  do {
    for (const [name, run] of soaks) {
      try {
        await run(round);
      } catch (error) {
        console.error(`${name}, seed ${round}: ${error instanceof Error ? error.stack : error}`);
        process.exitCode = 1;
      }
    }
    round++;
  } while (performance.now() < end && process.exitCode !== 1);
} finally {
  hostility?.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${round - seed} rounds, ${process.exitCode === 1 ? 'the last one failed' : 'all well'}`);
