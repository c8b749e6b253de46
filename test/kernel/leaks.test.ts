import { describe, expect, test } from 'vitest';
import { DMA_HEAP_IOCTL_ALLOC, O_RDWR } from '../../src/abi/uapi/index.ts';
import { type BootedMachine, BrokenRules, boot, Leak } from '../../src/index.ts';
import { WaitQueue, wait } from '../../src/kernel/index.ts';

const leakOf = (machine: BootedMachine): Leak => {
  try {
    machine.shutdown();
  } catch (error) {
    if (error instanceof Leak) return error;
    throw error;
  }
  throw new Error('nothing was found');
};

describe('shutdown', () => {
  test('finds nothing after a clean run, and may be called twice', () => {
    const machine = boot();
    machine.sys.close(machine.sys.open('/dev/dma_heap/system', O_RDWR));
    machine.shutdown();
    machine.shutdown();
  });

  test('names what is open, the call that opened it, and when', () => {
    const machine = boot();
    machine.sys.nanosleep(5);
    machine.sys.open('/dev/dma_heap/system', O_RDWR);
    expect(leakOf(machine).left).toEqual([
      'file /dev/dma_heap/system, made by openat(-100, /dev/dma_heap/system) of task 1 (main) at t=1.000000005 s',
    ]);
  });

  test('names what both a program and the kernel keep once', () => {
    const machine = boot();
    const fd = machine.sys.open('/dev/dma_heap/system', O_RDWR);
    machine.system.tasks.all()[0]?.files.at(fd)?.get();
    expect(leakOf(machine).left).toHaveLength(1);
  });

  test('names mappings and the buffers that they keep', () => {
    const machine = boot();
    const { sys } = machine;
    const heap = sys.open('/dev/dma_heap/system', O_RDWR);
    const { fd } = sys.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, { len: 8192, fd_flags: O_RDWR });
    sys.mmap(fd, { length: 4096 });
    sys.close(heap);
    sys.close(fd);
    expect(leakOf(machine).left).toEqual([
      expect.stringMatching(/^file \/dmabuf:, made by ioctl\(0, DMA_HEAP_IOCTL_ALLOC\)/),
      expect.stringMatching(/^mapping of \/dmabuf: at 0x7f\w+, 4096 bytes, made by mmap\(/),
    ]);
  });

  test('names programs that have not ended', async () => {
    const machine = boot();
    machine.spawn(
      function* () {
        yield* wait(new WaitQueue('the end of days'), () => false);
      },
      { comm: 'patient' },
    );
    machine.system.scheduler.runReady();
    expect(leakOf(machine).left).toEqual(['task 2 (patient), made by the kernel at t=1.000000000 s']);
  });

  test('shows where in the test it was, if the machine keeps stacks', () => {
    const machine = boot(undefined, { stacks: true });
    machine.sys.open('/dev/dma_heap/system', O_RDWR);
    expect(leakOf(machine).message).toContain('leaks.test.ts');
  });

  test('fails when a rule of the real kernel was broken and nobody expected it', () => {
    const broken = boot();
    broken.system.findings.report('lock-order', 'a before b');
    expect(() => broken.shutdown()).toThrow(BrokenRules);
    const expected = boot();
    expected.system.findings.expect('lock-order');
    expected.system.findings.report('lock-order', 'a before b');
    expected.shutdown();
  });

  test('a reference too many or too few stops at the misuse', () => {
    const machine = boot();
    const memory = machine.system.memory.allocate(4096, 'a test');
    memory.get().put();
    memory.put();
    expect(() => memory.put()).toThrow('put of memory of a test, 4096 bytes after its last put');
    expect(() => memory.bytes()).toThrow('after its last put');
  });
});
