import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errno } from '../../src/abi/index.ts';
import { doctor, stages } from '../../src/doors/cli/doctor/doctor.ts';
import type { Host } from '../../src/doors/cli/doctor/host.ts';
import type { Failure, Tries } from '../../src/doors/cli/doctor/tries.ts';
import { root } from '../support/paths.ts';

const works = () => undefined;
const allWork: Tries = {
  memoryFiles: works,
  watching: works,
  leases: works,
  socket: works,
  doorbell: works,
  peer: works,
  ownMemory: works,
};

const FILES: Readonly<Record<string, string>> = {
  '/proc/sys/fs/inotify/max_user_watches': '65536\n',
  '/proc/sys/fs/inotify/max_user_instances': '128\n',
  '/proc/sys/vm/max_map_count': '65530\n',
  '/proc/self/limits': 'Max open files            1024                 1048576              files\n',
  '/proc/meminfo': 'MemAvailable:    8388608 kB\n',
};

const fuseWorks: Host['fuse'] = { isRoot: false, device: works, libfuse: works, fusermount: () => true };

/** A machine where nothing is in the way, but for what a test changes. */
function machine(changes: Partial<Host> = {}): Host {
  return {
    platform: 'linux',
    arch: 'x64',
    version: '20.0.0',
    glibc: '2.31',
    processors: 2,
    env: {},
    temporaryFolder: '/tmp',
    text: (path) => FILES[path],
    tries: () => allWork,
    childCall: works,
    fuse: fuseWorks,
    launch: () => ({ status: 0, stdout: '', stderr: '' }),
    heapUser: ['heap-user'],
    ...changes,
  };
}

/** What the doctor says about a machine, without the checks that find nothing. */
function diagnose(changes: Partial<Host> = {}) {
  const lines: string[] = [];
  const status = doctor((line) => lines.push(line), machine(changes));
  return { status, lines, found: lines.slice(0, -1).filter((line) => !line.startsWith('ok')) };
}

const withFile = (path: string, text: string | undefined): Partial<Host> => ({ text: (asked) => (asked === path ? text : FILES[asked]) });
const withFuse = (changes: Partial<Host['fuse']>): Partial<Host> => ({ fuse: { ...fuseWorks, ...changes } });
const withFailure = (key: keyof Tries, failure: Failure): Partial<Host> => ({ tries: () => ({ ...allWork, [key]: () => failure }) });

const launched = (
  ended: { readonly status: number; readonly stdout?: string; readonly stderr?: string },
  program = 'true',
): Partial<Host> => ({
  launch: ([command]) => ({ stdout: '', stderr: '', ...(command === program ? ended : { status: 0 }) }),
});

describe('a machine where nothing is in the way', () => {
  test('has a line for each check, and exit status 0', () => {
    const { status, lines, found } = diagnose();
    expect(found).toEqual([]);
    expect(lines).toHaveLength(stages.flat().length + 1);
    expect(lines.at(-1)).toBe('nothing is in the way of native programs');
    expect(status).toBe(0);
  });
});

test('root needs no fusermount', () => {
  expect(diagnose(withFuse({ isRoot: true, fusermount: () => false })).found).toEqual([]);
});

const PROBLEMS: readonly (readonly [check: string, changes: Partial<Host>, text: RegExp])[] = [
  ['Node', { version: '18.20.1' }, /^18\.20\.1; install Node 20/],
  ['system', { platform: 'darwin' }, /^darwin on x64; .* Linux on x86-64 and arm64/],
  ['system', { arch: 'ia32' }, /^linux on ia32/],
  ['C library', { glibc: undefined }, /^not the GNU one/],
  ['C library', { glibc: '2.28' }, /^glibc 2\.28; 2\.31 or newer/],
  [
    'native parts',
    {
      tries: () => {
        throw new Error('not built');
      },
    },
    /^not built$/,
  ],
  ['memory files', withFailure('memoryFiles', { call: 'open', errno: errno.ENOENT }), /ENOENT .*mount \/proc/],
  ['memory files', withFailure('memoryFiles', { call: 'memfd_create', errno: errno.EMFILE }), /out of descriptors: .* 1048576/],
  ['inotify', withFailure('watching', { call: 'inotify_init1', errno: errno.EMFILE }), /out of inotify instances: .* 128 .*sysctl -w/],
  ['inotify', withFailure('watching', { call: 'IN_DELETE_SELF', errno: 0 }), /does not do what it does on Linux/],
  ['leases', withFailure('leases', { call: 'F_SETLEASE', errno: 0 }), /sysctl -w fs\.leases-enable=1/],
  ['eventfd', withFailure('doorbell', { call: 'eventfd', errno: errno.ENFILE }), /out of open files/],
  ['peers', withFailure('peer', { call: 'pidfd_open', errno: errno.ENOSYS }), /allow pidfd_open in the container's seccomp profile/],
  ['own memory', withFailure('ownMemory', { call: 'process_vm_readv', errno: errno.EPERM }), /allow process_vm_readv/],
  ['folder', { temporaryFolder: `/${'x'.repeat(79)}` }, /a path of 96 bytes, and 95 are the most; set TMPDIR/],
  ['socket', withFailure('socket', { call: 'listen', errno: errno.EPERM }), /^listen: EPERM .*; set TMPDIR/],
  ['preload', launched({ status: 0, stderr: 'ioctopus: the preload library was not loaded into /bin/true' }), /ignores LD_PRELOAD/],
  ['preload', launched({ status: 125, stderr: 'ioctopus: no\nmore' }), /status 125: ioctopus: no$/],
  ['round trip', launched({ status: 1, stdout: '5\n' }, 'heap-user'), /got EIO; please report/],
];

const NOTES: readonly (readonly [check: string, changes: Partial<Host>, text: RegExp])[] = [
  ['/dev/fuse', withFuse({ device: () => 'ENOENT' }), /"ioctopus mount" cannot work: ENOENT; .*modprobe fuse.*--device \/dev\/fuse/],
  ['/dev/fuse', withFuse({ device: () => 'EPERM' }), /EPERM; .*--cap-add SYS_ADMIN/],
  ['libfuse 2', withFuse({ libfuse: () => 'libfuse.so.2: no such file' }), /no such file; .*apt-get install libfuse2;.*libfuse2t64/],
  ['fusermount', withFuse({ fusermount: () => false }), /it is not there; .*apt-get install fuse3/],
  ['watches', withFile('/proc/sys/fs/inotify/max_user_watches', '100\n'), /allows 100 .* sysctl -w fs\.inotify\.max_user_watches=8192$/],
  ['watches', withFile('/proc/sys/fs/inotify/max_user_watches', undefined), /does not say/],
  ['instances', withFile('/proc/sys/user/max_inotify_instances', '2'), /allows 2 /],
  ['descriptors', withFile('/proc/self/limits', 'Max open files 256 1024 files'), /ulimit -Hn 4096/],
  ['mappings', withFile('/proc/sys/vm/max_map_count', '1000'), /allows 1000/],
  ['memory', withFile('/sys/fs/cgroup/memory.max', `${2 ** 26}`), /allows 64 MiB/],
  ['processors', { processors: 1 }, /take turns/],
  ['other calls', { childCall: () => ({ call: '/proc/PID/syscall', errno: errno.EPERM }) }, /EPERM .*kernel\.yama\.ptrace_scope=1/],
  ['LD_PRELOAD', { env: { LD_PRELOAD: 'libasan.so' } }, /^libasan\.so is loaded, too/],
  ['container', withFile('/.dockerenv', ''), /^Docker:/],
  ['container', { env: { container: 'lxc' } }, /^lxc:/],
];

const split = (line: string) => [line.slice(0, 9).trim(), line.slice(9, 23).trim(), line.slice(23)];

describe('a machine', () => {
  test.each(PROBLEMS)('where %s is in the way (%#)', (check, changes, text) => {
    const { status, found, lines } = diagnose(changes);
    expect(found.map(split)).toEqual([['problem', check, expect.stringMatching(text)]]);
    expect([status, lines.at(-1)]).toEqual([1, '1 problem']);
  });

  test.each(NOTES)('where there is something to know about %s (%#)', (check, changes, text) => {
    const { status, found } = diagnose(changes);
    expect(found.map(split)).toEqual([['note', check, expect.stringMatching(text)]]);
    expect(status).toBe(0);
  });

  test('that allows any number of descriptors', () => {
    const { found } = diagnose(
      withFile('/proc/self/limits', 'Max open files            1024                 unlimited            files\n'),
    );
    expect(found).toEqual([]);
  });

  test('with a problem is asked nothing that needs what is missing', () => {
    const { lines } = diagnose({ version: '18.0.0', launch: () => expect.unreachable() });
    expect(lines.map((line) => split(line)[1])).not.toContain('memory files');
  });

  test('is checked for every problem that there can be', () => {
    const covered = new Set([...PROBLEMS, ...NOTES].map(([check]) => check));
    expect([...covered].sort()).toEqual(
      stages
        .flat()
        .map(({ name }) => name)
        .sort(),
    );
  });
});

test('the longest folder is the library’s', () => {
  const header = readFileSync(join(root, 'native-shims/preload/preload.h'), 'utf8');
  const size = Number(/char folder\[(\d+)\];/.exec(header)?.[1]);
  const longest = size - 1 - '/ioctopus-XXXXXX'.length;
  expect(diagnose({ temporaryFolder: `/${'x'.repeat(longest - 1)}` }).found).toEqual([]);
  expect(diagnose({ temporaryFolder: `/${'x'.repeat(longest)}` }).found).toHaveLength(1);
});
