import { readFileSync } from 'node:fs';
import { type ErrnoName, errno } from '../../abi/index.ts';

/** Text of a file of the host, such as one below /proc; undefined when it cannot be read. */
export type HostText = (path: string) => string | undefined;

export const hostText: HostText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** Something of which the host, or the server itself, has only so much. */
export interface Limit {
  /** What there is too little of. */
  readonly what: string;
  /** What the value counts, and what uses it up. */
  readonly unit: string;
  readonly use: string;
  /** Where its value stands, as people name the place. */
  readonly where: string;
  /** How much there is; undefined when the host does not say. */
  readonly value: (text: HostText) => number | undefined;
  /** What to do, given more than the value. */
  readonly raise: (more: number | string) => string;
  /** What a program's call gets: what Linux answers that lacks the like. */
  readonly errno: ErrnoName;
}

const numberIn = (path: string) => (text: HostText) => {
  const found = Number.parseInt(text(path) ?? '', 10);
  return Number.isNaN(found) ? undefined : found;
};

const sysctlIn = (name: string) => numberIn(`/proc/sys/${name.replaceAll('.', '/')}`);

/**
 * A number below /proc/sys that root may write.
 *
 * @param inNamespace the same, where a user namespace may have less
 */
function sysctl(name: string, rest: Pick<Limit, 'what' | 'unit' | 'use' | 'errno'>, inNamespace = name): Limit {
  return {
    ...rest,
    where: name,
    value(text) {
      const whole = sysctlIn(name)(text);
      return whole === undefined ? undefined : Math.min(whole, sysctlIn(inNamespace)(text) ?? whole);
    },
    raise: (more) => `to raise it as root (for a container, on its host): sysctl -w ${name}=${more}`,
  };
}

/** The server raises its soft limit to the hard one, so the hard one counts. */
function hardLimitOnFiles(text: HostText): number | undefined {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(text('/proc/self/limits') ?? '')?.[1];
  if (hard === undefined) return undefined;
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

/** Whichever is smaller of the host's free memory and what the control group may have, in MiB. */
function freeMemory(text: HostText): number | undefined {
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(text('/proc/meminfo') ?? '')?.[1];
  const group = numberIn('/sys/fs/cgroup/memory.max')(text) ?? Number.POSITIVE_INFINITY;
  return available === undefined ? undefined : Math.floor(Math.min(Number(available) * 1024, group) / 2 ** 20);
}

/** Programs that the server serves at a time: CLIENTS_MAX of native-shims/addon/ring.c. */
const PROCESSES_MAX = 4096;

/** What can stop the server from doing what a program asks for. */
export const limits = {
  watches: sysctl(
    'fs.inotify.max_user_watches',
    {
      what: 'inotify watches',
      unit: 'per user',
      use: 'each emulated open file takes one',
      errno: 'ENFILE',
    },
    'user.max_inotify_watches',
  ),
  instances: sysctl(
    'fs.inotify.max_user_instances',
    {
      what: 'inotify instances',
      unit: 'per user',
      use: 'each server takes one',
      errno: 'ENFILE',
    },
    'user.max_inotify_instances',
  ),
  descriptors: {
    what: 'descriptors',
    unit: 'per process',
    use: 'the server takes one for each buffer, and three for each process that it serves',
    where: 'RLIMIT_NOFILE',
    value: hardLimitOnFiles,
    raise: (more) => `to raise it as root: ulimit -Hn ${more}; for a service LimitNOFILE=${more}; for a container --ulimit nofile=${more}`,
    errno: 'ENFILE',
  },
  hostFiles: sysctl('fs.file-max', {
    what: 'open files',
    unit: 'per host',
    use: 'each open file of any process counts',
    errno: 'ENFILE',
  }),
  mappings: sysctl('vm.max_map_count', {
    what: 'mappings',
    unit: 'per process',
    use: 'the server maps each process that it serves, and the buffers that drivers use',
    errno: 'ENOMEM',
  }),
  memory: {
    what: 'memory',
    unit: 'MiB',
    use: 'buffers are memory',
    where: 'the host or its container',
    value: freeMemory,
    raise: () => 'free some, or give the container more',
    errno: 'ENOMEM',
  },
  connections: {
    what: 'connections',
    unit: 'per server',
    use: 'each process that uses a node takes one',
    where: 'CLIENTS_MAX',
    value: () => PROCESSES_MAX,
    raise: () => 'end some, or start another server',
    errno: 'ENFILE',
  },
} satisfies Readonly<Record<string, Limit>>;

/** Calls of the server that need something of which the host has only so much. */
export type LimitedCall = 'inotify_init1' | 'inotify_add_watch' | 'memfd_create' | 'open' | 'eventfd' | 'accept' | 'mmap' | 'addClient';

/**
 * Which limit made one of the server's own calls fail.
 *
 * @param code the errno with which it failed
 * @returns undefined when it was something else
 */
export function limitBehind(call: LimitedCall, code: number): Limit | undefined {
  if (code === errno.ENOSPC && call === 'inotify_add_watch') return limits.watches;
  if (code === errno.ENOSPC && call === 'addClient') return limits.connections;
  // For both a full descriptor table and too many instances the host says EMFILE; there are far fewer instances.
  if (code === errno.EMFILE) return call === 'inotify_init1' ? limits.instances : limits.descriptors;
  if (code === errno.ENFILE) return limits.hostFiles;
  if (code === errno.ENOMEM) return call === 'mmap' ? limits.mappings : limits.memory;
  return code === errno.ENOSPC ? limits.memory : undefined;
}

/** One line for people: which limit it is, its value, and what to do about it. */
export function limitReached(limit: Limit, text: HostText = hostText): string {
  const value = limit.value(text);
  const size = value === undefined ? ' is used up' : ` allows ${value} ${limit.unit}`;
  return `out of ${limit.what}: ${limit.where}${size}, and ${limit.use}; ${limit.raise(value ? 2 * value : 'MORE')}`;
}
