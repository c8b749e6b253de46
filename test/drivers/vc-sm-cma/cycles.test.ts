import { expect, test } from 'vitest';
import { PAGE_SIZE } from '../../../src/abi/uapi/index.ts';
import { randomFrom } from '../../support/random.ts';
import { alloc, bench, codeOf, heapBuffer, importFd, listed, openNode, rules, settle } from './fixture.ts';

const STEPS = 400;
const LIVE_MAX = 12;

/** A program, a VPU with components that hold handles, and messages that mean nothing, in any order. */
test.each([1, 2, 3])('imports and releases in any order leave nothing, and both sides agree (seed %d)', (seed) => {
  const on = bench();
  const below = randomFrom(seed);
  const node = openNode(on);
  const open: number[] = [];
  const held: number[] = [];
  let shared = 0;
  for (let step = 0; step < STEPS; step++) {
    const what = below(8);
    if (what < 3 && open.length < LIVE_MAX) {
      let answer: { handle: number; vc_handle: number };
      if (what === 0) answer = alloc(on, node, 1 + below(3 * PAGE_SIZE));
      else {
        const source = heapBuffer(on, PAGE_SIZE * (1 + below(4)));
        answer = importFd(on, node, source);
        on.sys.close(source);
      }
      shared++;
      open.push(answer.handle);
      if (below(3) === 0) {
        on.videocore.hold(answer.vc_handle);
        held.push(answer.vc_handle);
      }
    } else if (what < 5 && open.length > 0) on.sys.close(open.splice(below(open.length), 1)[0] as number);
    else if (what === 5 && held.length > 0) {
      const [handle] = held.splice(below(held.length), 1) as [number];
      on.videocore.write(handle, 0, Uint8Array.of(step));
      expect([...on.videocore.read(handle, 0, 1)]).toEqual([step & 0xff]);
      on.videocore.unhold(handle);
    } else if (what === 6) on.videocore.send(Uint8Array.from({ length: below(70) }, () => below(256)));
    else if (what === 7) expect(codeOf(() => on.sys.ioctl(node, below(2 ** 32), 0))).not.toBe('none');
    if (below(4) === 0) settle(on);
  }
  settle(on);
  const handles = (all: Iterable<number>) => [...all].map((handle) => handle.toString(16)).sort();
  expect(
    listed(on)
      .map(([handle]) => handle)
      .sort(),
  ).toEqual(handles(on.videocore.handles));
  for (const fd of [...open, node]) on.sys.close(fd);
  for (const handle of held) on.videocore.unhold(handle);
  settle(on);
  expect([listed(on), on.videocore.handles, rules(on)]).toEqual([[], [], []]);
  expect(shared).toBeGreaterThan(STEPS / 8);
  on.machine.shutdown();
});
