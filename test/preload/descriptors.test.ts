import { expect, test } from 'vitest';
import { Errno } from '../../src/abi/index.ts';
import { RemoteDescriptors } from '../../src/doors/preload/descriptors.ts';
import type { Slot } from '../../src/doors/preload/slot.ts';

test('a reserved number of a program that is gone is given back without an error, so whoever cleans up goes on', () => {
  const gone = {
    *ask() {
      throw new Errno('EFAULT', 'the program is gone');
    },
  };
  const descriptors = new RemoteDescriptors(gone as unknown as Slot);
  expect(descriptors.cancel(3).next()).toEqual({ done: true, value: undefined });
});
