import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { type Held, NativeServer } from '../support/native-server.ts';
import { root } from '../support/paths.ts';

const folder = temporaryFolder();
/** Of a client: its socket, its process, its doorbell, and one for each slot that the program says; and Node's for a child. */
const DESCRIPTORS_MAX = 3 + 50 + 10;

describe.skipIf(!hasCompiler)('a program that lies about descriptors', () => {
  let native: NativeServer;
  let baseline: Held;

  beforeAll(async () => {
    native = new NativeServer();
    await native.run(['true'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await native.turn();
    baseline = native.held();
  });
  afterAll(() => native.close());

  test.each([
    ['closed', 'a file closed before the call that makes it has ended'],
    ['closed-buffer', 'a buffer closed before its allocation has ended'],
    ['closed-and-denied', 'a buffer closed, and denied'],
    ['denied', 'a buffer kept, and denied'],
    ['flood', 'descriptors that nobody asked for'],
  ])('%s: %s', async (mode) => {
    const program = compile(join(root, 'test/native/programs/denial.c'), join(folder, 'denial'));
    const { child, ended } = native.start([program, mode], { library: '', stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    expect(native.held().descriptors.length).toBeLessThanOrEqual(baseline.descriptors.length + DESCRIPTORS_MAX);
    child.stdin?.end();
    expect(await ended).toEqual({ status: 0, signal: null });
    await native.turn();
    expect(native.held()).toEqual(baseline);
    expect(native.complaints).toEqual([]);
  });
});
