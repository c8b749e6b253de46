import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as window } from 'node:timers/promises';
import { expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { cli, root } from '../support/paths.ts';

const folder = temporaryFolder();
const WINDOW_MS = 5000;

const statOf = (pid: number) => {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
};
const isAsleep = (pid: number) => statOf(pid)[0] === 'S';
/** Processor time in clock ticks. */
const ticksOf = (pid: number) => Number(statOf(pid)[11]) + Number(statOf(pid)[12]);

/** Context switches of all threads. */
function switchesOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const counts = threads.flatMap((tid) => [
    ...readFileSync(`/proc/${pid}/task/${tid}/status`, 'latin1').matchAll(/ctxt_switches:\t(\d+)/g),
  ]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

testWithCompiler('an idle server uses no processor, with two clients connected and one of them blocked', async () => {
  const program = compile(join(root, 'test/native/programs/idle.c'), join(folder, 'idle'));
  const server = spawn(process.execPath, [cli, 'run', '--', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const pid = server.pid as number;
  let output = '';
  for await (const data of server.stdout as AsyncIterable<Buffer>) {
    output += data.toString();
    if (output.includes('\n')) break;
  }
  const blocked = Number(/blocked (\d+)/.exec(output)?.[1]);
  while (!isAsleep(blocked) || !isAsleep(pid)) await window(1);
  // The window is what is measured here, not a wait for something to happen.
  await window(WINDOW_MS / 5);
  const before = { ticks: ticksOf(pid), switches: switchesOf(pid) };
  await window(WINDOW_MS);
  const used = { ticks: ticksOf(pid) - before.ticks, switches: switchesOf(pid) - before.switches };
  server.stdin.end();
  await new Promise((resolve) => server.once('exit', resolve));
  expect(used.ticks).toBe(0);
  expect(used.switches).toBeLessThanOrEqual(5);
});
