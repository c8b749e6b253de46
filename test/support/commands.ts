import { spawnSync } from 'node:child_process';
import { test } from 'vitest';

/** A test that needs a command of the host; without it, the test is reported as not run. */
export const testWithCommand = (command: string) => test.skipIf(spawnSync(command, ['--version']).error !== undefined);
