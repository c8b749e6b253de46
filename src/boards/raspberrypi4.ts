import type { Board } from '../machine/index.ts';
import { type VideoCoreOptions, videoCoreBoard } from './videocore.ts';

const MIB = 2 ** 20;

/** A Raspberry Pi 4 with 2 GiB, whose VPU sees the first of them. */
export function raspberrypi4(options: VideoCoreOptions = {}): Board {
  return videoCoreBoard(
    {
      name: 'raspberrypi4',
      description: 'a Raspberry Pi 4: /dev/vcsm-cma, and the VideoCore behind it',
      ram: 2048 * MIB,
      ranges: [{ bus: 0xc0000000, cpu: 0, size: 0x40000000 }],
    },
    options,
  );
}
