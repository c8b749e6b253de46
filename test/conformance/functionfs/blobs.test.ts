import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isErrno } from '../../../src/abi/index.ts';
import { O_RDONLY, O_RDWR } from '../../../src/abi/uapi/index.ts';
import { addInstance } from '../../../src/drivers/functionfs/index.ts';
import { Fixture } from '../../vfs/fixture.ts';
import { BLOBS } from './blobs.ts';
import { EVENTFD, NO_EVENTFD } from './generate-blobs.ts';

const recorded = readFileSync(new URL('expected.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1);

/** As blobs.c: its own files are descriptors 0 to 5, ep0 is 6. */
function mounted(): Fixture['sys'] {
  const { sys, machine } = new Fixture();
  addInstance(machine.system, { name: 'blobs', ffs: undefined, isReady: false, *unbindGadget() {} });
  sys.mkdir('/blobs');
  sys.mount('blobs', '/blobs', 'functionfs');
  for (let fd = 0; fd < 4; fd++) sys.open('/', O_RDONLY);
  sys.dup2(sys.eventfd(0), EVENTFD);
  sys.dup2(sys.open('/', O_RDONLY), NO_EVENTFD);
  return sys;
}

describe('blocks of descriptors and strings', () => {
  const sys = mounted();

  function answer(block: Uint8Array, ep0: number): string {
    try {
      return String(sys.write(ep0, block));
    } catch (error) {
      if (!isErrno(error)) throw error;
      return error.code;
    }
  }

  test('there is an answer for each', () => {
    expect(recorded.length).toBe(BLOBS.length);
  });

  test('are taken and refused as Linux 6.12 does', () => {
    const answers = BLOBS.map((writes) => {
      const ep0 = sys.open('/blobs/ep0', O_RDWR);
      const line = writes.map((block) => ` ${answer(block, ep0)}`).join('');
      sys.close(ep0);
      return `:${line}`;
    });
    expect(answers).toEqual(recorded);
  });
});
