import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasCompiler, temporaryFolder } from '../support/compiler.ts';
import { Hostility } from '../support/hostility.ts';

const folder = temporaryFolder();

describe.skipIf(!hasCompiler)('whatever a program does, the server goes on, serves others and forgets it', () => {
  let hostility: Hostility;

  beforeAll(async () => {
    hostility = await Hostility.prepare(folder);
  });
  afterAll(() => hostility.close());

  test.each([1, 2, 3, 4])('wrong arguments, memory that goes away: seed %i', (seed) => hostility.calls(seed, 1500));
  test.each([1, 2, 3, 4])('wrong calls on files and mappings, and signals all the time: seed %i', (seed) => hostility.files(seed, 1500));
  test.each([1, 2, 3, 4])('a protocol that is not kept: seed %i', (seed) => hostility.protocol(seed, 1500));

  test('the findings name nothing', () => {
    expect(hostility.native.machine.system.findings.unexpected).toEqual([]);
  });
});
