import { describe, expect, test } from 'vitest';
import { O_WRONLY } from '../../../src/abi/uapi/index.ts';
import { remoteproc } from '../../../src/boards/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import { type Scenario, sweep } from '../../support/sweep.ts';
import { errnoOf } from './fixture.ts';

function write(sys: Sys<'sync'>, path: string, text: string): void {
  const fd = sys.open(path, O_WRONLY);
  try {
    sys.write(fd, text);
  } finally {
    sys.close(fd);
  }
}

/** Starts a processor and looks at what it has got. It is off again afterwards, also when something failed on the way. */
function scenario(number: number, firmware: string): Scenario {
  let board = remoteproc();
  return {
    name: `${firmware} on processor ${number}`,
    board() {
      board = remoteproc();
      return board;
    },
    // A firmware file without memory to read it is not there.
    errors: { alloc: ['EINVAL'], dma_map: ['ENOMEM'], file: ['EINVAL', 'ENOENT'] },
    run(sys, machine) {
      const at = `/sys/class/remoteproc/remoteproc${number}`;
      const { rproc } = number === 0 ? board.parts.m4 : board.parts.dsp;
      const rest = () => machine.system.scheduler.runFor(1e6);
      try {
        write(sys, `${at}/firmware`, firmware);
        write(sys, `${at}/state`, 'start');
        rest();
        return [rproc.state, rproc.carveouts.length, rproc.rvdevs.length];
      } finally {
        // A stop that fails can be asked for again.
        if (rproc.state === 'running' && errnoOf(() => write(sys, `${at}/state`, 'stop')) !== undefined) write(sys, `${at}/state`, 'stop');
        rest();
      }
    },
  };
}

describe('whatever fails, once', () => {
  test.each([scenario(0, 'echo.elf'), scenario(1, 'echo-iommu.elf')])('$name', (swept) => {
    const failures = sweep(swept);
    expect(failures.flatMap(({ problems }) => problems)).toEqual([]);
    expect(failures.length).toBeGreaterThan(10);
    expect(failures.filter(({ error }) => error !== undefined).length).toBeGreaterThan(5);
  });
});
