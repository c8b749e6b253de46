import type { Board } from '../machine/index.ts';
import { type VideoCoreOptions, videoCoreBoard } from './videocore.ts';

const MIB = 2 ** 20;

/** A Raspberry Pi 3, whose VPU sees all RAM at its uncached alias. */
export function raspberrypi3(options: VideoCoreOptions = {}): Board {
  return videoCoreBoard(
    {
      name: 'raspberrypi3',
      description: 'a Raspberry Pi 3: /dev/vcsm-cma, and the VideoCore behind it',
      ram: 1008 * MIB,
      ranges: [{ bus: 0xc0000000, cpu: 0, size: 0x3f000000 }],
    },
    options,
  );
}
