import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile, hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { NativeServer } from '../support/native-server.ts';
import { root } from '../support/paths.ts';

const folder = temporaryFolder();

describe.skipIf(!hasCompiler)('a client reaches nothing of another’s that it was not given', () => {
  let native: NativeServer;
  let program: string;

  beforeAll(() => {
    native = new NativeServer();
    program = compile(join(root, 'test/native/programs/isolation.c'), join(folder, 'isolation'));
  });
  afterAll(() => native.close());

  async function beside(mode: string): Promise<string[]> {
    const holder = native.start([program, 'hold'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.child.stdout as NodeJS.ReadableStream, 'data');
    const trier = native.start([program, mode], { library: '', stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    trier.child.stdout?.on('data', (data: Buffer) => {
      output += data.toString();
    });
    expect(await trier.ended).toEqual({ status: 0, signal: null });
    holder.child.stdin?.end();
    expect(await holder.ended).toEqual({ status: 0, signal: null });
    return output.trimEnd().split('\n');
  }

  test('guessed handles, forged calls, files that look alike', async () => {
    expect(await beside('try')).toEqual([
      'attributes by a guessed handle: 0',
      'sizes by a guessed handle: 0',
      'mappings by a guessed handle: 0',
      'requests by a guessed handle: 0',
      'files made by a guessed handle: 0',
      'files identified: 0',
      'descriptors received: 0',
    ]);
  });

  test('lies about which file a descriptor is', async () => {
    expect(await beside('lookups')).toEqual(['files found by a guessed answer: 0']);
  });
});
