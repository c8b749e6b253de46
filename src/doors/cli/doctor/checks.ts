import { errnoName } from '../../../abi/index.ts';
import { FOLDER_MAX, folderLength, type Limit, limits } from '../../preload/index.ts';
import { DEVICE_ADVICE, FUSERMOUNT_ADVICE, LIBFUSE_ADVICE } from '../fuse-host.ts';
import { type Check, describe, note, ok, problem, tried } from './check.ts';
import type { Host } from './host.ts';

const NODE_MIN = 20;
const GLIBC_MIN = [2, 31] as const;

const TAKES_TURNS = 'one: program and server take turns, so a call takes some 4 µs where two processors would make it 1';

function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = version.split('.').map(Number);
  return first < major || (first === major && second < minor);
}

/** How much the host allows of something; a note when it is less than comfortable. */
function limitCheck(name: string, limit: Limit, enough: number): Check {
  return {
    name,
    run({ text }) {
      const value = limit.value(text);
      if (value === undefined) return note(`the host does not say how many (${limit.where})`);
      if (value === Number.POSITIVE_INFINITY) return ok(`${limit.where} has no limit`);
      const found = `${limit.where} allows ${value} ${limit.unit}, and ${limit.use}`;
      return value < enough ? note(`${found}; ${limit.raise(enough)}`) : ok(found);
    },
  };
}

function containerOf({ text, env }: Host): string | undefined {
  if (text('/.dockerenv') !== undefined) return 'Docker';
  if (text('/run/.containerenv') !== undefined) return 'Podman';
  return env.container === '' ? undefined : env.container;
}

function whyLaunchFailed(status: number | null, stderr: string): string {
  const [said = ''] = stderr.trim().split('\n');
  return `${status === null ? 'no end within 20 s' : `status ${status}`}${said === '' ? '' : `: ${said}`}`;
}

/** Checks of what everything else needs. */
export const basicChecks: readonly Check[] = [
  {
    name: 'Node',
    run({ version }) {
      return isOlder(version, [NODE_MIN, 0]) ? problem(`${version}; install Node ${NODE_MIN} or newer`) : ok(version);
    },
  },
  {
    name: 'system',
    run({ platform, arch }) {
      const found = `${platform} on ${arch}`;
      return platform === 'linux' && ['x64', 'arm64'].includes(arch)
        ? ok(found)
        : problem(`${found}; native programs can be served on Linux on x86-64 and arm64`);
    },
  },
  {
    name: 'C library',
    run({ glibc }) {
      const wanted = GLIBC_MIN.join('.');
      if (glibc === undefined) return problem(`not the GNU one; use a distribution with glibc ${wanted} or newer, or a Node made for it`);
      return isOlder(glibc, GLIBC_MIN) ? problem(`glibc ${glibc}; ${wanted} or newer is needed`) : ok(`glibc ${glibc}`);
    },
  },
  {
    name: 'native parts',
    run(host) {
      host.tries();
      return ok('built, and the addon can be loaded');
    },
  },
];

/** Checks of what the server and the library do with the host. */
export const hostChecks: readonly Check[] = [
  tried('memory files', 'memoryFiles', {
    works: 'can be made, opened again and mapped',
    advice: 'every emulated file is one; use a kernel that has them, outside of what forbids them',
  }),
  tried('inotify', 'watching', {
    works: 'reports the end of a memory file at once',
    advice: 'without it the server cannot know when a file is closed for the last time; use a kernel that has it',
  }),
  tried('leases', 'leases', {
    works: 'tell when nobody else has a buffer',
    advice: 'without them buffers are never released; as root: sysctl -w fs.leases-enable=1',
  }),
  tried('eventfd', 'doorbell', { works: 'can be made', advice: 'programs wake the server by it; use a kernel that has it' }),
  tried('peers', 'peer', {
    works: 'a socket tells which process is at its other end, and a pidfd when that has ended',
    advice: 'the server must know; a kernel of 5.3 or newer has it, some sandboxes hide it',
  }),
  tried('own memory', 'ownMemory', {
    works: 'process_vm_readv may read it',
    advice: 'arguments of calls could not be read; run outside of the sandbox that forbids it',
  }),
  {
    name: 'folder',
    run({ temporaryFolder }) {
      const length = folderLength(temporaryFolder);
      return length > FOLDER_MAX
        ? problem(
            `${temporaryFolder} makes the server's folder a path of ${length} bytes, and ${FOLDER_MAX} are the most; set TMPDIR to a shorter one`,
          )
        : ok(temporaryFolder);
    },
  },
  tried('socket', 'socket', {
    works: 'can be made in a private folder',
    advice: 'set TMPDIR to a folder on a local file system where files and sockets can be made',
  }),
  limitCheck('watches', limits.watches, 8192),
  limitCheck('instances', limits.instances, 16),
  limitCheck('descriptors', limits.descriptors, 4096),
  limitCheck('mappings', limits.mappings, 65_530),
  limitCheck('memory', limits.memory, 256),
  {
    name: 'processors',
    run({ processors }) {
      return processors < 2 ? note(TAKES_TURNS) : ok(`${processors}`);
    },
  },
  {
    name: 'other calls',
    run(host) {
      const failure = host.childCall();
      if (failure === undefined) return ok('the call in which a program waits can be seen');
      return note(
        `--time=warp cannot see who waits for others of its program: ${describe(failure, host, 'as root: sysctl -w kernel.yama.ptrace_scope=1')}`,
      );
    },
  },
  {
    name: 'LD_PRELOAD',
    run({ env: { LD_PRELOAD: others = '' } }) {
      if (others === '') return ok('not set');
      return note(`${others} is loaded, too, after ours; it does not see calls on emulated files`);
    },
  },
  {
    name: 'container',
    run(host) {
      const container = containerOf(host);
      if (container === undefined) return ok('none');
      return note(`${container}: limits below /proc/sys are the host's, and its seccomp profile decides what is allowed`);
    },
  },
];

const withoutMount = (why: string, advice: string) => note(`"ioctopus mount" cannot work: ${why}; ${advice}`);

/** Checks of what `ioctopus mount` needs; native programs do without. */
export const mountChecks: readonly Check[] = [
  {
    name: '/dev/fuse',
    run({ fuse }) {
      const failure = fuse.device();
      return failure === undefined ? ok('can be opened') : withoutMount(failure, DEVICE_ADVICE);
    },
  },
  {
    name: 'libfuse 2',
    run({ fuse }) {
      const failure = fuse.libfuse();
      return failure === undefined ? ok('can be loaded') : withoutMount(failure, LIBFUSE_ADVICE);
    },
  },
  {
    name: 'fusermount',
    run({ fuse }) {
      if (fuse.fusermount()) return ok('is there');
      return fuse.isRoot ? ok('is not there; root does without') : withoutMount('it is not there', FUSERMOUNT_ADVICE);
    },
  },
];

/** Checks that run programs, as users do. */
export const programChecks: readonly Check[] = [
  {
    name: 'preload',
    run({ launch }) {
      const { status, stderr } = launch(['true']);
      if (/was not loaded/.test(stderr)) {
        return problem(
          'the dynamic linker ignores LD_PRELOAD; a security module (AppArmor, SELinux) or file capabilities of the program do that',
        );
      }
      return status === 0
        ? ok('the library is loaded into programs')
        : problem(`"true" under the launcher: ${whyLaunchFailed(status, stderr)}`);
    },
  },
  {
    name: 'round trip',
    run({ launch, heapUser }) {
      const { status, stdout, stderr } = launch(heapUser);
      if (status === 0) return ok('a program opened a heap, allocated a buffer, mapped and closed it');
      const code = errnoName(Number.parseInt(stdout, 10));
      return problem(`a program that uses a heap got ${code ?? whyLaunchFailed(status, stderr)}; please report it with these lines`);
    },
  },
];
