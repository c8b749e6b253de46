// The addon's side of native/ring.c: gives every slot back as it is. Plain JavaScript, as in in-process.mjs.
// Arguments: the addon, the client's program, the client's processor. The client measures, as native/round.h says.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COME_BACK, NOTHING, REPORT_SIZE } from '../dist/doors/preload/addon.js';
import { IO_ANSWER, IO_REGION_SIZE } from '../dist/doors/preload/protocol.js';

const [path, client, cpu] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(path);
addon.start(new Float64Array(REPORT_SIZE).buffer);

function turn() {
  let slot = addon.next(NOTHING, 0);
  while (slot >= 0) slot = addon.next(slot, IO_ANSWER);
  if (slot === COME_BACK) setImmediate(turn);
}

const folder = mkdtempSync(join(tmpdir(), 'ioctopus-ring-'));
const listener = addon.listen(join(folder, 'socket'));
const connecting = addon.onReadable(listener, () => {
  const { socket } = addon.accept(listener);
  const file = addon.memfd('ring', IO_REGION_SIZE);
  const bell = addon.event();
  addon.addClient(addon.map(file, IO_REGION_SIZE), bell, 0, turn);
  addon.send(socket, file, bell);
  addon.stop(connecting);
});

spawn(client, [cpu, join(folder, 'socket')], { stdio: 'inherit' }).once('exit', (code) => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? 1);
});
