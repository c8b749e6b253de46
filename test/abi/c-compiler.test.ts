import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { errno, type Layout, Request, Struct } from '../../src/abi/index.ts';
import * as aioAbi from '../../src/abi/uapi/aio_abi.ts';
import * as dmaBuf from '../../src/abi/uapi/dma-buf.ts';
import * as dmaHeap from '../../src/abi/uapi/dma-heap.ts';
import * as drm from '../../src/abi/uapi/drm.ts';
import * as drmMode from '../../src/abi/uapi/drm-mode.ts';
import * as elf from '../../src/abi/uapi/elf.ts';
import * as eventfd from '../../src/abi/uapi/eventfd.ts';
import * as eventpoll from '../../src/abi/uapi/eventpoll.ts';
import * as fcntl from '../../src/abi/uapi/fcntl.ts';
import * as file from '../../src/abi/uapi/file.ts';
import * as filter from '../../src/abi/uapi/filter.ts';
import * as fs from '../../src/abi/uapi/fs.ts';
import * as functionfs from '../../src/abi/uapi/functionfs.ts';
import * as idxd from '../../src/abi/uapi/idxd.ts';
import * as iioBuffer from '../../src/abi/uapi/iio-buffer.ts';
import * as iioEvents from '../../src/abi/uapi/iio-events.ts';
import * as dmaTest from '../../src/abi/uapi/ioctopus-dma-test.ts';
import * as ims from '../../src/abi/uapi/ioctopus-ims.ts';
import * as keembayIpc from '../../src/abi/uapi/ioctopus-keembay-ipc.ts';
import * as limits from '../../src/abi/uapi/limits.ts';
import * as memfd from '../../src/abi/uapi/memfd.ts';
import * as mman from '../../src/abi/uapi/mman.ts';
import * as netlink from '../../src/abi/uapi/netlink.ts';
import * as poll from '../../src/abi/uapi/poll.ts';
import * as remoteprocCdev from '../../src/abi/uapi/remoteproc_cdev.ts';
import * as rpmsg from '../../src/abi/uapi/rpmsg.ts';
import * as signal from '../../src/abi/uapi/signal.ts';
import * as socket from '../../src/abi/uapi/socket.ts';
import * as stat from '../../src/abi/uapi/stat.ts';
import * as swSync from '../../src/abi/uapi/sw-sync.ts';
import * as syncFile from '../../src/abi/uapi/sync-file.ts';
import * as udmabuf from '../../src/abi/uapi/udmabuf.ts';
import * as uio from '../../src/abi/uapi/uio.ts';
import * as usbCh9 from '../../src/abi/uapi/usb-ch9.ts';
import * as usbCh11 from '../../src/abi/uapi/usb-ch11.ts';
import * as usbdeviceFs from '../../src/abi/uapi/usbdevice-fs.ts';
import * as vcSmCma from '../../src/abi/uapi/vc_sm_cma_ioctl.ts';
import * as vfio from '../../src/abi/uapi/vfio.ts';
import * as vgemDrm from '../../src/abi/uapi/vgem-drm.ts';
import * as virtioIds from '../../src/abi/uapi/virtio_ids.ts';
import * as virtioRing from '../../src/abi/uapi/virtio_ring.ts';
import * as xattr from '../../src/abi/uapi/xattr.ts';
import * as xlink from '../../src/abi/uapi/xlink_uapi.ts';
import * as protocol from '../../src/doors/preload/protocol.ts';
import { compile, preprocess, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';

const folder = temporaryFolder();

/** Of headers that are our own. */
const ownHeaders = ['native-shims', 'native-shims/include', 'test/native/programs', 'test/conformance/probes'].map(
  (folder) => `-I${root}/${folder}`,
);

/** Constants that no header of the C library or of Linux shows to programs, with where they come from. */
const KERNEL_ONLY: Readonly<Record<string, string>> = {
  O_LARGEFILE: 'the C library defines it as 0 on 64-bit machines',
  LEGACY_MAP_MASK: 'linux/mman.h inside the kernel',
  DEFAULT_POLLMASK: 'linux/poll.h inside the kernel',
  PAGE_SHIFT: 'follows from PAGE_SIZE',
  MAX_RW_COUNT: 'linux/fs.h inside the kernel',
  NR_OPEN_DEFAULT: 'what sessions start with',
  NSIG: 'the C library counts from 0',
  SOCKFS_MAGIC: 'not in all versions of linux/magic.h',
  DMA_BUF_MAGIC: 'not in all versions of linux/magic.h',
  PAGE_SIZE: 'a run-time value in the C library',
  DN_MULTISHOT: 'unsigned in C',
  SYNC_FILE_RANGE_MASK: 'the sum of its flags',
  SPLICE_F_ALL: 'linux/splice.h inside the kernel',
  SOCK_MAX: 'linux/net.h inside the kernel',
  SOCK_TYPE_MASK: 'linux/net.h inside the kernel',
  SOCKADDR_MAX: 'the size of struct sockaddr_storage',
  DMA_BUF_NAME_LEN: 'linux/dma-buf.h inside the kernel',
  DRM_CLOEXEC: 'O_CLOEXEC',
  DRM_RDWR: 'O_RDWR',
  DRM_COMMAND_BASE: 'follows from the numbers of the requests',
  DRM_COMMAND_END: 'follows from the numbers of the requests',
  F_ALL_SEALS: 'mm/memfd.c',
  MFD_NOEXEC_SEAL: 'not in all versions of linux/memfd.h',
  MFD_EXEC: 'not in all versions of linux/memfd.h',
};

/** Without the requests whose structs nobody here looks into. */
const withStructs = (module: object) =>
  Object.fromEntries(
    Object.entries(module).filter(
      ([, value]) => !(value instanceof Request) || value.layout === undefined || value.layout instanceof Struct,
    ),
  );

/** Each uapi file with the headers that it stands for. Those of DRM are often not installed: the probes' own is what 6.12 understood. */
const modules: readonly (readonly [object, readonly string[]])[] = [
  [aioAbi, ['linux/aio_abi.h']],
  [dmaBuf, ['linux/dma-buf.h']],
  [dmaHeap, ['fcntl.h', 'linux/dma-heap.h']],
  [syncFile, ['linux/sync_file.h']],
  [swSync, ['sw-sync.h']],
  [withStructs(drm), ['fcntl.h', 'drm.h']],
  [withStructs(drmMode), ['drm.h']],
  [vcSmCma, ['linux/broadcom/vc_sm_cma_ioctl.h']],
  [vgemDrm, ['drm.h']],
  [elf, ['linux/elf.h']],
  [eventfd, ['sys/eventfd.h']],
  [eventpoll, ['linux/eventpoll.h']],
  [fcntl, ['fcntl.h']],
  [fs, ['unistd.h', 'fcntl.h', 'sys/ioctl.h', 'linux/fs.h', 'linux/falloc.h', 'linux/fiemap.h']],
  [iioBuffer, ['linux/iio/buffer.h']],
  [iioEvents, ['linux/iio/events.h']],
  [dmaTest, ['ioctopus/dma-test.h']],
  [ims, ['ioctopus/ims.h']],
  [keembayIpc, ['ioctopus/keembay-ipc.h']],
  [idxd, ['linux/idxd.h']],
  [limits, ['linux/limits.h']],
  [memfd, ['linux/memfd.h']],
  [mman, ['sys/mman.h', 'linux/mman.h']],
  [poll, ['poll.h']],
  [remoteprocCdev, ['linux/remoteproc_cdev.h']],
  [rpmsg, ['linux/rpmsg.h']],
  [signal, ['signal.h']],
  [stat, ['sys/stat.h', 'linux/magic.h']],
  [udmabuf, ['linux/udmabuf.h']],
  [usbCh9, ['linux/usb/ch9.h']],
  [functionfs, ['linux/usb/functionfs.h']],
  [vfio, ['linux/vfio.h']],
  [usbCh11, ['linux/usb/ch9.h', 'linux/usb/ch11.h']],
  [usbdeviceFs, ['linux/ioctl.h', 'linux/usbdevice_fs.h']],
  [uio, ['linux/uio.h', 'linux/fs.h']],
  [virtioIds, ['linux/virtio_ids.h']],
  [virtioRing, ['linux/virtio_ring.h']],
  [xattr, ['sys/xattr.h', 'linux/limits.h']],
  [xlink, ['misc/xlink_uapi.h']],
  [file, ['sys/file.h']],
  [filter, ['linux/filter.h']],
  [netlink, ['linux/netlink.h']],
  [socket, ['sys/socket.h', 'sys/time.h']],
];

/** Members of ours that C has in members of structs. */
const INSIDE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'struct usb_functionfs_event': Object.fromEntries(
    ['bRequestType', 'bRequest', 'wValue', 'wIndex', 'wLength'].map((name) => [name, `u.setup.${name}`]),
  ),
};

/** Macros, enumerators and structs that some headers define. */
function definedIn(headers: readonly string[]): { has(name: string): boolean } {
  const source = join(folder, 'headers.c');
  writeFileSync(source, `#define _GNU_SOURCE\n${headers.map((header) => `#include <${header}>\n`).join('')}`);
  const macros = preprocess(source, '-dM', ...ownHeaders);
  const text = preprocess(source, ...ownHeaders);
  return {
    has(name) {
      const struct = /struct (\w+)/.exec(name)?.[1];
      if (struct !== undefined) return new RegExp(`struct ${struct}\\s*\\{`).test(text);
      return new RegExp(`#define ${name}\\b`).test(macros) || new RegExp(`^\\s*${name}\\s*(=[^,]*)?,?$`, 'm').test(text);
    },
  };
}

/** What our side says, as lines `name value`, and the C expressions for the same. */
function describeModule(module: object): [name: string, ours: bigint, c: string][] {
  const lines: [string, bigint, string][] = [];
  for (const [name, value] of Object.entries(module)) {
    if (typeof value === 'number' && !(name in KERNEL_ONLY)) lines.push([name, BigInt(value), name]);
    if (value instanceof Request) lines.push([name, BigInt(value.number), `(uint32_t)${name}`]);
    if (value instanceof Struct) lines.push(...describeStruct(value));
  }
  return lines;
}

function describeStruct(layout: Struct<any>): [string, bigint, string][] {
  const type = layout.cName as string;
  const fields = [...layout.fields, ...(layout.tail === undefined ? [] : [layout.tail])];
  return [
    [`sizeof ${type}`, BigInt(layout.size), `sizeof(${type})`],
    [`alignof ${type}`, BigInt(layout.align), `_Alignof(${type})`],
    ...fields.flatMap((field): [string, bigint, string][] => {
      const member = INSIDE[type]?.[field.name] ?? field.name;
      return [
        [`${type}.${field.name} at`, BigInt(field.offset), `offsetof(${type}, ${member})`],
        [
          `${type}.${field.name} size`,
          BigInt((field.layout as Layout<unknown>).size),
          // An array without a length has none in C.
          `sizeof(((${type} *)0)->${member}${field === layout.tail ? '[0]' : ''})`,
        ],
      ];
    }),
  ];
}

/** Lines of ours that are about something the installed headers have; older ones lack the newest requests. */
function comparable(module: object, headers: readonly string[]): [name: string, ours: bigint, c: string][] {
  const defined = definedIn(headers);
  return describeModule(module).filter(([name]) => defined.has(name));
}

/** Compiles and runs a program that prints expressions. @returns their values by name */
function evaluate(
  name: string,
  headers: readonly string[],
  expressions: readonly (readonly [name: string, c: string])[],
): Map<string, bigint> {
  const source = join(folder, `${name}.c`);
  writeFileSync(
    source,
    `#define _GNU_SOURCE\n#include <stdint.h>\n#include <stddef.h>\n#include <stdio.h>\n${headers.map((header) => `#include <${header}>\n`).join('')}
int main(void)
{
${expressions.map(([label, c]) => `\tprintf("%s\\t%lld\\n", ${JSON.stringify(label)}, (long long)(${c}));`).join('\n')}
	return 0;
}
`,
  );
  const program = compile(source, join(folder, name), '-Wno-type-limits', ...ownHeaders);
  const { stdout } = spawnSync(program, { encoding: 'utf8' });
  return new Map(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t') as [string, string])
      .map(([label, value]) => [label, BigInt(value)]),
  );
}

describe('the C compiler agrees with src/abi/uapi', () => {
  for (const [module, headers] of modules) {
    testWithCompiler(headers.join(', '), () => {
      const lines = comparable(module, headers);
      // The headers of Linux 5.20 and newer have at least so much of each.
      expect(lines.length).toBeGreaterThan(describeModule(module).length * 0.6);
      const fromC = evaluate(
        (headers.at(-1) as string).replace(/\W/g, '_'),
        headers,
        lines.map(([name, , c]) => [name, c]),
      );
      expect(Object.fromEntries(lines.map(([name, ours]) => [name, ours]))).toEqual(Object.fromEntries(fromC));
    });
  }

  testWithCompiler('errno.h', () => {
    const names = Object.keys(errno).filter((name) => !name.startsWith('ERESTART') && name !== 'ENOTSUPP');
    const fromC = evaluate(
      'errno',
      ['errno.h'],
      names.map((name) => [name, name]),
    );
    expect(Object.fromEntries(names.map((name) => [name, BigInt(errno[name as keyof typeof errno])]))).toEqual(Object.fromEntries(fromC));
  });
});

describe('the C compiler agrees with src/doors/preload/protocol.ts', () => {
  const offsets: Readonly<Record<string, readonly [type: string, member: string]>> = {
    PATHS_WARPED: ['io_paths', 'warped_ns'],
    PATHS_LIST: ['io_paths', 'list'],
    SLOT_STATE: ['io_slot', 'state'],
    SLOT_TID: ['io_slot', 'tid'],
    SLOT_OP: ['io_slot', 'op'],
    SLOT_FD: ['io_slot', 'fd'],
    SLOT_HANDLE: ['io_slot', 'handle'],
    SLOT_LENGTH: ['io_slot', 'length'],
    SLOT_ARGS: ['io_slot', 'args'],
    SLOT_RESULT: ['io_slot', 'result'],
    SLOT_ERROR: ['io_slot', 'error'],
    SLOT_UP: ['io_slot', 'up'],
    SLOT_CANCEL: ['io_slot', 'cancel'],
    SLOT_DATA: ['io_slot', 'data'],
  };

  testWithCompiler('native-shims/protocol.h', () => {
    const expressions = Object.keys(protocol).map(
      (name) => [name, offsets[name] === undefined ? name : `offsetof(struct ${offsets[name].join(', ')})`] as const,
    );
    const fromC = evaluate('protocol', ['protocol.h'], expressions);
    expect(Object.fromEntries(Object.entries(protocol).map(([name, value]) => [name, BigInt(value)]))).toEqual(Object.fromEntries(fromC));
  });
});
