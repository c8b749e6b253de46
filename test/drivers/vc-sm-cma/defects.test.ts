/** Each defect of the real driver: what it does, and which rules it breaks. Any other finding fails. */
import { expect, test } from 'vitest';
import { PAGE_SIZE } from '../../../src/abi/uapi/index.ts';
import type { FdTable } from '../../../src/kernel/index.ts';
import { encodeBody, vc_sm_released } from '../../../src/ports/videocore/index.ts';
import { mainTask } from '../../dma-buf/fixture.ts';
import { type DefectCase, testDefects, withNode, withSource } from './defect-case.ts';
import { alloc, type Bench, bench, codeOf, heapBuffer, importFd, listed, openNode, rules, settle, vpuLog } from './fixture.ts';

/** Memory that can be read and not written: the answer cannot be copied out. */
function failingCopyOut(on: Bench, call: () => unknown): string {
  on.machine.faults.add('copy_to_user:nth=1:EFAULT');
  const code = codeOf(call);
  on.machine.faults.clear();
  return code;
}

/** How many descriptors a call leaves open; they are closed then. */
function opened(on: Bench, call: () => void): number {
  const files = mainTask(on.machine).files as FdTable;
  const before = new Set([...files.entries()].map(([fd]) => fd));
  call();
  const more = [...files.entries()].map(([fd]) => fd).filter((fd) => !before.has(fd));
  for (const fd of more) on.sys.close(fd);
  return more.length;
}

const cases: readonly DefectCase[] = [
  {
    id: 'Q1',
    run: (on) => withNode(on, (node) => codeOf(() => importFd(on, node, -1))),
    broken: 'killed by signal 9',
    mended: 'EINVAL',
    findings: ['kernel-oops'],
  },
  {
    id: 'Q2',
    run: (on) => withNode(on, (node) => codeOf(() => importFd(on, node, 99))),
    broken: 'killed by signal 9',
    mended: 'EBADF',
    findings: ['kernel-oops'],
  },
  {
    id: 'Q3',
    // Beyond what the bus reaches.
    options: { dmaRanges: [{ bus: 0xc0000000, cpu: 0, size: PAGE_SIZE }] },
    run: (on) => withSource(on, (node, source) => codeOf(() => importFd(on, node, source))),
    broken: 'killed by signal 9',
    mended: 'ENOMEM',
    findings: ['kernel-oops'],
  },
  {
    id: 'Q4',
    options: { script: { refusesImports: true } },
    run: (on) => withNode(on, (node) => codeOf(() => alloc(on, node, 1))),
    broken: 'killed by signal 9',
    mended: 'ENOMEM',
    findings: ['kernel-oops'],
  },
  {
    id: 'Q5',
    run: (on) =>
      withNode(on, (node) => {
        on.machine.faults.add('fd:nth=1:EMFILE');
        return codeOf(() => alloc(on, node, 1));
      }),
    broken: 'none',
    mended: 'EMFILE',
  },
  {
    id: 'Q6',
    run: (on) => withNode(on, (node) => opened(on, () => void failingCopyOut(on, () => alloc(on, node, 1)))),
    broken: 1,
    mended: 0,
  },
  {
    id: 'Q7',
    run: (on) => withSource(on, (node, source) => opened(on, () => void failingCopyOut(on, () => importFd(on, node, source)))),
    broken: 1,
    mended: 0,
    findings: ['vcsm-over-put'],
  },
  {
    id: 'Q8',
    run: (on) =>
      withSource(on, (node, source) => {
        on.machine.faults.add('fd:nth=1:EMFILE');
        return codeOf(() => importFd(on, node, source));
      }),
    broken: 'EFAULT',
    mended: 'EMFILE',
  },
  {
    id: 'Q11',
    run: (on) =>
      withSource(on, (node, source) => {
        const { handle } = importFd(on, node, source);
        const late = { cmd: 0x8000000b, addr: 0xd0000000, size: PAGE_SIZE, kernel_id: 1, vc_handle: 0xc0000077 };
        on.videocore.send(encodeBody(vc_sm_released, late));
        settle(on);
        const state = listed(on);
        on.sys.close(handle);
        return state;
      }),
    broken: [['00000000', 0]],
    mended: [['c0000020', 1]],
    findings: ['vcsm-handle-left'],
  },
  {
    id: 'Q16',
    options: { script: { acknowledgesVersion: false } },
    run: (on) =>
      withNode(on, (node) => {
        for (let i = 0; i < 2; i++) on.sys.close(alloc(on, node, 1).handle);
        settle(on);
        return vpuLog(on).filter((line) => line.includes('kernel_id 00000002')).length;
      }),
    broken: 1,
    mended: 0,
  },
  {
    id: 'Q17',
    run: (on) => withNode(on, (node) => codeOf(() => on.sys.ioctl(node, 0x8030495a, 0))),
    broken: 'EFAULT',
    mended: 'ENOTTY',
  },
  {
    id: 'Q22',
    run: (on) => {
      settle(on);
      const handle = on.videocore.requestMemory(4096, 4096, 'codec');
      settle(on);
      on.videocore.heap.release(handle);
      settle(on);
      return vpuLog(on).some((line) => line.includes('addr c0000000'));
    },
    broken: true,
    mended: false,
    findings: ['vcsm-freed-under-vpu'],
  },
  {
    id: 'Q25',
    options: { revision: 'R1' },
    run: (on) =>
      withSource(on, (node, source) => {
        on.sys.close(importFd(on, node, source).handle);
        settle(on);
        return listed(on);
      }),
    broken: [],
    mended: [],
    findings: ['dma-buf-released-attached'],
    leaks: true,
  },
  {
    id: 'Q28',
    run: (on) =>
      withNode(on, (node) => {
        const { handle, vc_handle } = alloc(on, node, 2 * PAGE_SIZE);
        on.videocore.write(vc_handle, 0, Uint8Array.of(1));
        on.videocore.write(vc_handle, PAGE_SIZE, Uint8Array.of(2));
        const mapping = on.sys.mmap(handle, { length: PAGE_SIZE, offset: PAGE_SIZE });
        const [first] = mapping.bytes;
        on.sys.munmap(mapping);
        on.sys.close(handle);
        return first;
      }),
    broken: 1,
    mended: 2,
  },
  {
    id: 'Q29',
    run: (on) =>
      withNode(on, (node) => {
        const { handle, vc_handle } = alloc(on, node, PAGE_SIZE);
        on.videocore.heap.release(vc_handle);
        settle(on);
        on.sys.close(handle);
        return listed(on);
      }),
    broken: [],
    mended: [],
    findings: ['vcsm-freed-under-program'],
  },
  {
    id: 'Q32',
    options: { revision: 'U-a' },
    run: (on) => {
      settle(on);
      on.videocore.requestMemory(4096, 4096, 'codec');
      settle(on);
      return vpuLog(on).some((line) => line.startsWith('VC_MEM_REQUEST_REPLY'));
    },
    broken: false,
    mended: true,
  },
];

testDefects(cases);

test('with Q12, RELEASED right behind the answer ends the thread of the driver', () => {
  const on = bench({ script: { releasesAtOnce: true } }, ['Q12']);
  const node = openNode(on);
  const source = heapBuffer(on);
  const { handle } = importFd(on, node, source);
  on.sys.close(handle);
  settle(on);
  expect(rules(on)).toEqual(['kernel-oops']);
  // No command is ever sent again.
  expect(vpuLog(on).at(-1)).toContain('RELEASED');
  for (const fd of [source, node]) on.sys.close(fd);
  expect(() => on.machine.shutdown()).toThrow('left at shutdown');
});

test('with Q14, a command that was not queued answers itself', () => {
  const on = bench({}, ['Q14']);
  const node = openNode(on);
  settle(on);
  on.videocore.script.queueFailures = 1;
  const { vc_handle, handle } = alloc(on, node, 1);
  expect(vc_handle).toBe(2);
  on.sys.close(handle);
  on.sys.close(node);
  settle(on);
  expect(vpuLog(on).at(-1)).toContain('which the host does not hold');
  on.machine.shutdown();
  expect(rules(on)).toEqual(['vcsm-buffer-left']);
});

test('a revision without its defect detaches rightly', () => {
  for (const revision of ['R1', 'R2', 'R3', 'U-a'] as const) {
    const on = bench({ revision });
    withSource(on, (node, source) => on.sys.close(importFd(on, node, source).handle));
    on.machine.shutdown();
    expect(rules(on)).toEqual([]);
  }
});
