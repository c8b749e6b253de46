import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative, start } from '../support/run.ts';

const folder = temporaryFolder();
const board = join(root, 'test/native/boards/channel.ts');

testWithCompiler('poll and select over a device and real descriptors answer as over pipes', async () => {
  const program = compile(join(root, 'test/native/programs/waiting.c'), join(folder, 'waiting'), '-pthread', '-Wno-stringop-overflow');
  const pipe = await start(program, []).ended;
  expect(pipe.status).toBe(0);
  const { status, stdout, stderr } = await runNative([program, '/dev/channel'], { options: ['--board', board] });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe(pipe.stdout);
});

const PYTHON = `
import os, select
r, w = os.pipe()
d = os.open('/dev/channel', os.O_RDWR)
print(select.select([r, d], [], [], 0.01))
os.write(d, b'x')
print(select.select([r, d], [d, w], [], 1) == ([d], [d, w], []))
p = select.poll()
p.register(r, select.POLLIN)
p.register(d, select.POLLIN)
print(p.poll(100) == [(d, select.POLLIN)], os.read(d, 9), p.poll(10))
`;

test.skipIf(spawnSync('python3', ['--version']).status !== 0)('from Python, too', async () => {
  const { status, stdout, stderr } = await runNative(['python3', '-c', PYTHON], { options: ['--board', board] });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe("([], [], [])\nTrue\nTrue b'x' []\n");
});
