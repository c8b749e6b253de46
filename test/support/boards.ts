import type { Board, Machine } from '../../src/machine/index.ts';

/** A board for one test: no devices but those that the test adds. */
export function board(setUp: (machine: Machine) => void = () => {}): Board {
  return { name: 'test', description: 'made by a test', ram: 2 ** 26, setUp };
}
