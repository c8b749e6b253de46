import { describe, expect, test } from 'vitest';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_WRITE,
  O_RDWR,
  PAGE_SIZE,
  POLLIN,
  SYNC_IOC_MERGE,
} from '../../src/abi/uapi/index.ts';
import {
  allocateFenceContexts,
  DmaFence,
  DmaResv,
  DMA_RESV_USAGE_READ as READ,
  DMA_RESV_USAGE_WRITE as WRITE,
} from '../../src/dma-buf/index.ts';
import { type BootedMachine, boot, Leak } from '../../src/index.ts';
import { boardWithLines, NEVER, SUBMIT } from './fence-device.ts';
import { add, allocate, bufferAt } from './fixture.ts';

function leftBy(machine: BootedMachine): readonly string[] {
  try {
    machine.shutdown();
  } catch (error) {
    if (error instanceof Leak) return error.left;
    throw error;
  }
  return [];
}

/** Runs the last calls of a program: everything that it does not mean to leave is closed. */
type Script = (machine: BootedMachine, buffer: number, device: number) => void;

const makeFence = ({ system }: BootedMachine) =>
  new DmaFence(system, {
    ops: { driverName: () => 'test', timelineName: () => 'line' },
    context: allocateFenceContexts(system),
    seqno: 1,
  });

const exportFile = ({ sys }: BootedMachine, buffer: number) =>
  sys.ioctl(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, { flags: DMA_BUF_SYNC_WRITE }).fd;

const submit = ({ sys }: BootedMachine, device: number, buffer: number, duration_ns = 10) =>
  sys.ioctl(device, SUBMIT, { fd: buffer, usage: WRITE, duration_ns });

const leaks: readonly [what: string, script: Script, left: readonly RegExp[]][] = [
  ['nothing', ({ sys }, buffer) => sys.close(buffer), []],
  ['a buffer', () => {}, [/^file \/dmabuf:, made by ioctl\(\d, DMA_HEAP_IOCTL_ALLOC\) of task 1 \(main\) at t=1\.0{9} s/]],
  [
    'a second descriptor of it',
    ({ sys }, buffer) => {
      sys.dup(buffer);
      sys.close(buffer);
    },
    [/^file \/dmabuf:, made by ioctl\(\d, DMA_HEAP_IOCTL_ALLOC\)/],
  ],
  [
    'a mapping of it',
    ({ sys }, buffer) => {
      sys.mmap(buffer, { length: PAGE_SIZE });
      sys.close(buffer);
    },
    [/^file \/dmabuf:, made by ioctl\(/, /^mapping of \/dmabuf: at 0x7f\w+, 4096 bytes, made by mmap\(/],
  ],
  [
    'a sync file',
    (machine, buffer) => {
      exportFile(machine, buffer);
      machine.sys.close(buffer);
    },
    [/^file anon_inode:sync_file, made by ioctl\(\d, DMA_BUF_IOCTL_EXPORT_SYNC_FILE\)/],
  ],
  [
    'a merged one',
    (machine, buffer) => {
      const file = exportFile(machine, buffer);
      machine.sys.ioctl(file, SYNC_IOC_MERGE, { fd2: file });
      for (const fd of [file, buffer]) machine.sys.close(fd);
    },
    [/^file anon_inode:sync_file, made by ioctl\(\d, SYNC_IOC_MERGE\)/],
  ],
  [
    'a reference that the kernel took',
    (machine, buffer) => {
      bufferAt(machine, buffer).get();
      machine.sys.close(buffer);
    },
    [
      /^file \/dmabuf:, made by ioctl\(/,
      /^memory of a system heap buffer, 4096 bytes, made by ioctl\(\d, DMA_HEAP_IOCTL_ALLOC\)/,
      /^dma-buf 1 \(system\), 4096 bytes, made by ioctl\(/,
      /^4096 bytes of RAM$/,
    ],
  ],
  [
    'a buffer that was polled, and whose work is never done',
    (machine, buffer, device) => {
      submit(machine, device, buffer, NEVER);
      machine.sys.poll([{ fd: buffer, events: POLLIN }], 0);
      machine.sys.close(buffer);
    },
    [/^file \/dmabuf:/, /^memory of a system heap buffer/, /^dma-buf 1/, /^fence device-line\d-1, made by ioctl\(\d, SUBMIT\)/, /RAM$/],
  ],
  [
    'a fence that nobody signals',
    (machine, buffer, device) => {
      submit(machine, device, buffer, NEVER);
      machine.sys.close(buffer);
    },
    [/^fence device-line\d-1, made by ioctl\(\d, SUBMIT\) of task 1 \(main\)/],
  ],
  [
    'a fence that signalled but was not put',
    (machine, buffer) => {
      const fence = makeFence(machine);
      add(bufferAt(machine, buffer).resv, fence, READ);
      fence.signal();
      machine.sys.close(buffer);
    },
    [/^fence test-line\d-1, made by the kernel at/],
  ],
  [
    'one fence for several, and so those',
    (machine, buffer, device) => {
      for (let line = 0; line < 2; line++) machine.sys.ioctl(device, SUBMIT, { fd: buffer, usage: WRITE, line, duration_ns: 10 });
      bufferAt(machine, buffer).resv.getSingleton(WRITE);
      machine.sys.close(buffer);
      machine.sys.nanosleep(10);
    },
    [
      /^fence device-line1-1, made by ioctl\(\d, SUBMIT\)/,
      /^fence device-line2-1/,
      /^fence dma_fence_array-unbound5-1, made by the kernel/,
    ],
  ],
  [
    'the fences of a list that was not finished',
    (machine, buffer) => {
      const fence = makeFence(machine);
      add(new DmaResv(machine.system, 'a pool'), fence, READ);
      fence.signal();
      fence.put();
      machine.sys.close(buffer);
    },
    [/^fence test-line\d-1/],
  ],
  [
    'pages',
    ({ sys, ram }, buffer) => {
      ram.allocate(3);
      sys.close(buffer);
    },
    [/^32768 bytes of RAM$/],
  ],
  [
    'memory',
    ({ sys, system }, buffer) => {
      system.memory.allocate(PAGE_SIZE, 'a shadow');
      sys.close(buffer);
    },
    [/^memory of a shadow, 4096 bytes, made by the kernel/],
  ],
  [
    'a program that waits, with what it holds',
    (machine, buffer, device) => {
      submit(machine, device, buffer, NEVER);
      machine.sys.fork(function* (child) {
        yield* child.close(device);
        yield* child.ioctl(buffer, DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_READ });
      });
      machine.sys.close(buffer);
      machine.sys.nanosleep(1);
    },
    [
      /^file \/dmabuf:/,
      /^task 2 \(main\), made by fork\(\) of task 1/,
      /^memory of a system heap buffer/,
      /^dma-buf 1/,
      /^fence device-line1-1, made by ioctl\(\d, SUBMIT\)/,
      /RAM$/,
    ],
  ],
];

describe('a machine that is switched off finds', () => {
  test.for(leaks)('%s', ([, script, left]) => {
    const machine = boot(boardWithLines());
    const buffer = allocate(machine.sys);
    const device = machine.sys.open('/dev/lines', O_RDWR);
    script(machine, buffer, device);
    machine.sys.close(device);
    // A file that both a program and the kernel kept is listed for each.
    const lines = [...new Set(leftBy(machine))];
    expect(lines).toEqual(left.map((line) => expect.stringMatching(line)));
  });
});
