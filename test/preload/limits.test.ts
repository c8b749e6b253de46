import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errno } from '../../src/abi/index.ts';
import { type Limit, limitBehind, limitReached, limits } from '../../src/doors/preload/index.ts';
import { root } from '../support/paths.ts';

const all: readonly (readonly [string, Limit])[] = Object.entries(limits);

/** A host of whose files only some can be read. */
const host =
  (files: Readonly<Record<string, string>> = {}) =>
  (path: string) =>
    files[path];

describe('limits', () => {
  test.each(all)('the line about %s names the limit, what uses it up, and the way out', (_name, limit) => {
    const line = limitReached(limit);
    for (const part of [limit.what, limit.where, limit.use]) expect(line).toContain(part);
    expect(line).not.toMatch(/\n|undefined|NaN/);
  });

  test('a sysctl is read, and doubled in the advice', () => {
    const text = host({ '/proc/sys/fs/inotify/max_user_watches': '8192\n' });
    expect(limitReached(limits.watches, text)).toBe(
      'out of inotify watches: fs.inotify.max_user_watches allows 8192 per user, and each emulated open file takes one; ' +
        'to raise it as root (for a container, on its host): sysctl -w fs.inotify.max_user_watches=16384',
    );
  });

  test('a value that the host hides is left out', () => {
    expect(limitReached(limits.hostFiles, host())).toBe(
      'out of open files: fs.file-max is used up, and each open file of any process counts; ' +
        'to raise it as root (for a container, on its host): sysctl -w fs.file-max=MORE',
    );
  });

  test('of descriptors the hard limit counts', () => {
    const line = 'Max open files            1024                 524288               files\n';
    expect(limits.descriptors.value(host({ '/proc/self/limits': line }))).toBe(524288);
    expect(limits.descriptors.value(host({ '/proc/self/limits': line.replace('524288', 'unlimited') }))).toBe(Number.POSITIVE_INFINITY);
  });

  test('of memory the container’s share counts when it is smaller', () => {
    const files = { '/proc/meminfo': 'MemTotal: 9 kB\nMemAvailable:    8192 kB\n', '/sys/fs/cgroup/memory.max': 'max\n' };
    expect(limits.memory.value(host(files))).toBe(8);
    expect(limits.memory.value(host({ ...files, '/sys/fs/cgroup/memory.max': '4194304\n' }))).toBe(4);
  });

  test('that of connections is the addon’s own', () => {
    const ring = readFileSync(join(root, 'native-shims/addon/ring.c'), 'utf8');
    expect(limits.connections.value()).toBe(Number(/#define CLIENTS_MAX (\d+)/.exec(ring)?.[1]));
  });

  test.each([
    ['inotify_add_watch', 'ENOSPC', limits.watches],
    ['inotify_init1', 'EMFILE', limits.instances],
    ['memfd_create', 'EMFILE', limits.descriptors],
    ['open', 'ENFILE', limits.hostFiles],
    ['mmap', 'ENOMEM', limits.mappings],
    ['memfd_create', 'ENOMEM', limits.memory],
    ['memfd_create', 'ENOSPC', limits.memory],
    ['addClient', 'ENOSPC', limits.connections],
    ['accept', 'EAGAIN', undefined],
  ] as const)('%s that fails with %s', (call, code, limit) => {
    expect(limitBehind(call, errno[code])).toBe(limit);
  });
});
