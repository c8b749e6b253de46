import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProgram } from '../../src/doors/cli/program.ts';
import { temporaryFolder } from '../support/compiler.ts';

const NOBODY = 65534;
const folder = temporaryFolder();

/** Runs as a user to whom permissions matter. */
function unprivileged<T>(run: () => T): T {
  const user = process.geteuid?.();
  if (user !== 0) return run();
  process.seteuid?.(NOBODY);
  try {
    return run();
  } finally {
    process.seteuid?.(user);
  }
}

test('a program is searched for past folders that may not be', () => {
  const [closed, open] = [join(folder, 'closed'), join(folder, 'open')];
  for (const each of [closed, open]) {
    mkdirSync(each);
    writeFileSync(join(each, 'tool'), '#!/bin/sh\n', { mode: 0o755 });
  }
  chmodSync(folder, 0o755);
  chmodSync(closed, 0);
  expect(unprivileged(() => findProgram('tool', `${closed}:${open}`))).toBe(join(open, 'tool'));
  expect(() => unprivileged(() => findProgram('tool', closed))).toThrow('tool: permission denied');
  expect(() => unprivileged(() => findProgram('other', open))).toThrow('other: not found');
});
