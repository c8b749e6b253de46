// Builds the native parts with the system's C compiler: the preload library, the server's addon and the mount's, into dist/native.
// Without a compiler it says so in one line and succeeds: everything in-process works all the same.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { include_dir as nodeApiHeaders } from 'node-api-headers';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '..', 'dist', 'native');
const cc = process.env.CC ?? 'cc';
const common = ['-std=gnu11', '-O2', '-g', '-Wall', '-Wextra', '-fvisibility=hidden', '-fPIC', '-shared', `-I${here}`];

const sources = (folder) =>
  readdirSync(join(here, folder))
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(here, folder, name));

const newest = (folder) =>
  Math.max(
    ...[...readdirSync(join(here, folder)).map((name) => join(here, folder, name)), join(here, 'protocol.h'), join(here, 'spin.h')].map(
      (path) => statSync(path).mtimeMs,
    ),
  );

function isFresh(target, folder) {
  const stat = statSync(target, { throwIfNoEntry: false });
  return stat !== undefined && stat.mtimeMs > newest(folder);
}

function compile(target, folder, args) {
  if (isFresh(target, folder)) return;
  const { status, error } = spawnSync(cc, [...common, '-o', target, ...sources(folder), ...args], { stdio: 'inherit' });
  if (error?.code === 'ENOENT') {
    console.error(
      'ioctopus: no C compiler, so "ioctopus run" will not work; install one (Debian and Ubuntu: apt-get install gcc libc6-dev).',
    );
    process.exit(0);
  }
  if (status !== 0) {
    rmSync(target, { force: true });
    process.exit(1);
  }
}

mkdirSync(out, { recursive: true });
if (process.argv[2] === '--steps') {
  // For tests alone: a library that ends its program at a step of one's choice, beside this file's usual output.
  compile(process.argv[3], 'preload', ['-DIOCTOPUS_STEPS', '-pthread', '-ldl']);
  process.exit(0);
}
compile(join(out, 'libioctopus.so'), 'preload', ['-pthread', '-ldl']);
compile(join(out, 'ioctopus.node'), 'addon', [`-I${nodeApiHeaders}`, '-DNODE_GYP_MODULE_NAME=ioctopus']);
compile(join(out, 'fuse.node'), 'fuse', [
  `-I${nodeApiHeaders}`,
  '-DNODE_GYP_MODULE_NAME=ioctopus_fuse',
  '-D_GNU_SOURCE',
  '-pthread',
  '-ldl',
]);
