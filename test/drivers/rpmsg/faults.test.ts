import { test } from 'vitest';
import {
  O_NONBLOCK,
  O_RDWR,
  POLLIN,
  RPMSG_ADDR_ANY,
  RPMSG_CREATE_DEV_IOCTL,
  RPMSG_CREATE_EPT_IOCTL,
  RPMSG_DESTROY_EPT_IOCTL,
  RPMSG_RELEASE_DEV_IOCTL,
} from '../../../src/abi/uapi/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import { rpmsgBoard, rpmsgParts } from '../../support/rpmsg-board.ts';
import { type Scenario, sweep } from '../../support/sweep.ts';
import { describe, expect, nodesOf, settle, text } from './fixture.ts';

/** Sends a message and waits a second for the answer. */
function talk(sys: Sys<'sync'>, fd: number): string {
  sys.write(fd, 'hello');
  sys.poll([{ fd, events: POLLIN }], 1000);
  return text(sys.read(fd, 100));
}

function withControl<T>(sys: Sys<'sync'>, use: (control: number) => T): T {
  const control = sys.open('/dev/rpmsg_ctrl0', O_RDWR);
  const result = use(control);
  sys.close(control);
  return result;
}

/** The remote comes for each run, and goes after it: with it goes what a run has left. */
function scenario(name: string, run: (sys: Sys<'sync'>) => unknown): Scenario {
  return {
    name,
    board: () => rpmsgBoard({ isOff: true }),
    // Without memory an open is EINVAL, a channel ENXIO, a node that should be there ENOENT, and a message does not come.
    errors: { alloc: ['EINVAL', 'ENXIO', 'ENOENT', 'EAGAIN'] },
    run(sys, machine) {
      const parts = rpmsgParts(machine);
      parts.start();
      try {
        settle(sys);
        return run(sys);
      } finally {
        parts.stop();
        settle(sys);
      }
    },
  };
}

const scenarios: readonly Scenario[] = [
  scenario('a service of the remote', (sys) => talk(sys, sys.open('/dev/rpmsg0', O_RDWR | O_NONBLOCK))),
  scenario('an endpoint of a program', (sys) => {
    withControl(sys, (control) => sys.ioctl(control, RPMSG_CREATE_EPT_IOCTL, { name: 'mine', src: RPMSG_ADDR_ANY, dst: 1024 }));
    const fd = sys.open('/dev/rpmsg1', O_RDWR | O_NONBLOCK);
    const said = talk(sys, fd);
    return [said, sys.ioctl(fd, RPMSG_DESTROY_EPT_IOCTL), nodesOf(sys)];
  }),
  scenario('a channel of a program', (sys) =>
    withControl(sys, (control) => {
      const info = { name: 'rpmsg-raw', src: 60, dst: RPMSG_ADDR_ANY };
      sys.ioctl(control, RPMSG_CREATE_DEV_IOCTL, info);
      sys.close(sys.open('/dev/rpmsg1', O_RDWR));
      return [sys.ioctl(control, RPMSG_RELEASE_DEV_IOCTL, info), nodesOf(sys)];
    }),
  ),
];

describe('whatever fails, once', () => {
  test.each(scenarios)('$name', (swept) => {
    const failures = sweep(swept);
    expect(failures.flatMap(({ problems }) => problems)).toEqual([]);
    expect(failures.length).toBeGreaterThan(10);
    expect(failures.filter(({ error }) => error !== undefined).length).toBeGreaterThan(failures.length / 2);
  });
});
