/** Streams samples to a USB host in process, and shows how fast: npx tsx examples/iio-to-usb/iio-to-usb.ts [SECONDS] */
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { boot } from 'ioctopus';
import { copyToUsb, makeGadget, type Stream, shareWithUsb } from 'ioctopus/driver';
import board from './board.ts';

const MIB = 2 ** 20;
const SHOW_ms = 250;

export interface Shown {
  /** How long, in seconds. */
  readonly seconds: number;
  readonly show: (text: string) => void;
}

/** Of this process, in seconds. */
const processorTime = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** @returns MiB in a second of the processor's time, which others that use it do not change */
export async function stream(name: string, way: Stream, { seconds, show }: Shown, say?: (line: string) => void): Promise<number> {
  const machine = boot(board(say));
  let sent = 0;
  let start = 0;
  let startProcessor = 0;
  let shown = 0;
  const rate = () => sent / MIB / ((performance.now() - start) / 1000);
  const running = machine.spawn(function* (sys) {
    const gadget = yield* makeGadget(sys);
    start = performance.now();
    startProcessor = processorTime();
    yield* way(sys, {
      size: MIB,
      // The first block always goes.
      count: () => sent === 0 || performance.now() - start < seconds * 1000,
      endpoint: gadget.endpoint,
      sent(bytes) {
        sent += bytes;
        const now = performance.now();
        if (now - shown < SHOW_ms) return;
        shown = now;
        show(`\r${name}: ${rate().toFixed(0)} MiB/s`);
      },
    });
    show(`\r${name}: ${rate().toFixed(0)} MiB/s\n`);
    const found = sent / MIB / (processorTime() - startProcessor);
    yield* gadget.remove();
    return found;
  });
  await machine.run();
  machine.system.scheduler.runFor(1e9);
  machine.shutdown();
  return running.result();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const shown = { seconds: Number(process.argv[2] ?? 3), show: (text: string) => process.stdout.write(text) };
  const copies = await stream('read and write', copyToUsb, shown);
  const shares = await stream('dma-bufs', shareWithUsb, shown);
  console.log(`${(shares / copies).toFixed(2)} times as fast, by the processor's time`);
}
