import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { buildSteppingLibrary, type Held, NativeServer } from '../support/native-server.ts';
import { root } from '../support/paths.ts';
import { randomFrom } from '../support/random.ts';

const folder = temporaryFolder();
const program = (name: string) => compile(join(root, 'test/native/programs', `${name}.c`), join(folder, name));
/** More steps than any of the programs takes: one that never gets through is a fault. */
const STEPS_MAX = 1000;
const KILLS = 50;
/** Calls between two signs of life are eight; so many signs at the most. */
const SIGNS_MAX = 25;

describe.skipIf(!hasCompiler)('a program that is killed leaves nothing behind', () => {
  let native: NativeServer;
  let baseline: Held;
  let library: string;

  beforeAll(async () => {
    native = new NativeServer();
    library = buildSteppingLibrary(folder);
    // What Node opens for itself when it first starts a program.
    await native.run(['true']);
    await native.turn();
    baseline = native.held();
  });
  afterAll(() => native.close());

  test.each(['open', 'info', 'merge', 'mmap', 'copies', 'stat', 'udmabuf'])('at any step of: %s', async (kind) => {
    const steps = program('steps');
    let step = 1;
    for (; ; step++) {
      const exit = await native.run([steps, kind], { library, env: { IOCTOPUS_STEP: `${step}` } });
      await native.turn();
      expect({ step, ...native.held() }).toEqual({ step, ...baseline });
      if (exit.status === 0) break;
      expect({ step, ...exit }).toEqual({ step, status: null, signal: 'SIGKILL' });
      expect(step).toBeLessThan(STEPS_MAX);
    }
    // The library did have steps.
    expect(step).toBeGreaterThan(10);
    expect(native.complaints).toEqual([]);
    expect(native.machine.system.findings.unexpected).toEqual([]);
  });

  test('at any step of a child that uses what it inherited, and of its parent', async () => {
    const steps = program('steps');
    for (let step = 1; ; step++) {
      const run = native.start([steps, 'fork'], { library, env: { IOCTOPUS_STEP: `${step}` }, stdio: ['ignore', 'pipe', 'inherit'] });
      // A child may outlive its parent by a little: the pipe is closed when both have ended.
      run.child.stdout?.resume();
      const exit = await run.ended;
      await native.turn();
      expect({ step, ...native.held() }).toEqual({ step, ...baseline });
      if (exit.status === 0) break;
      expect(step).toBeLessThan(STEPS_MAX);
    }
    expect(native.complaints).toEqual([]);
  });

  test.each([1, 2, 3, 4])(`anywhere, ${KILLS} times, seed %i`, async (seed) => {
    const churn = program('churn');
    const random = randomFrom(seed);
    for (let kill = 0; kill < KILLS; kill++) {
      const at = 1 + random(SIGNS_MAX);
      const { child, ended } = native.start([churn, `${seed * KILLS + kill}`, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
      let progress = 0;
      child.stdout?.on('data', (data: Buffer) => {
        progress += data.length;
        if (progress >= at) child.kill('SIGKILL');
      });
      expect({ kill, ...(await ended) }).toEqual({ kill, status: null, signal: 'SIGKILL' });
      await native.turn();
      expect({ kill, ...native.held() }).toEqual({ kill, ...baseline });
    }
    expect(native.complaints).toEqual([]);
    expect(native.machine.system.findings.unexpected).toEqual([]);
  });
});
