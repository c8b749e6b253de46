import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Settings } from './placement.ts';
import type { Row } from './row.ts';
import { quantiles } from './statistics.ts';

const ROUNDS = 5;
const BLOCKS = 1000;
const SECONDS_MAX = 60;
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Streams blocks of 1 MiB by the example. @returns nanoseconds a block */
function stream({ dist }: Settings, program: string, way: string): number {
  const command = [join(dist, 'doors/cli/main.js'), 'run', '--board', here('../examples/iio-to-usb/board.ts'), '--', program];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...command, way, `${SECONDS_MAX}`, `${BLOCKS}`], { encoding: 'utf8' });
  const rate = Number(/: (\d+) MiB\/s\n$/.exec(stdout)?.[1]);
  if (status !== 0 || !(rate > 0)) throw new Error(`iio-to-usb ${way} ended with ${status}: ${stderr}`);
  return 1e9 / rate;
}

/** Samples to a USB host by a native program: both ways in turn. */
export async function* samplesRows(settings: Settings): AsyncGenerator<Row> {
  const program = join(settings.programs, 'iio-to-usb');
  const source = here('../examples/iio-to-usb/iio-to-usb.c');
  execFileSync(process.env.CC ?? 'cc', ['-O2', `-I${here('../native-shims/include')}`, '-o', program, source]);
  const shared: number[] = [];
  const copied: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    shared.push(stream(settings, program, 'dma-buf'));
    copied.push(stream(settings, program, 'copy'));
  }
  yield {
    name: 'native: 1 MiB of samples to USB by dma-bufs',
    baseline: 'the same by read and write',
    target: 1 / 2.16,
    measured: {
      call_ns: quantiles(shared),
      baseline_ns: quantiles(copied),
      ratio: quantiles(shared.map((took_ns, round) => took_ns / (copied[round] as number))),
    },
  };
}
