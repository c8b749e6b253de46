import { join } from 'node:path';
import { describe, expect } from 'vitest';
import board from '../../examples/vcsm-zero-copy/board.ts';
import { zeroCopy } from '../../examples/vcsm-zero-copy/zero-copy.ts';
import { DMA_BUF_IOCTL_SYNC, O_RDWR, VC_SM_CMA_IOCTL_MEM_ALLOC } from '../../src/abi/uapi/index.ts';
import { type BootedMachine, boot, raspberrypi4 } from '../../src/index.ts';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';
import { vcsmApi, vcsmMmal } from '../support/vcsm-client.ts';
import writer from './boards/vcsm-writer.ts';

const folder = temporaryFolder();
const build = (source: string, name: string) => compile(join(root, source), join(folder, name), `-I${root}/native-shims/include`);

const SIZE = 8192;

/** The same calls as vcsm-smem.c, and the same lines. */
function smem({ sys }: BootedMachine): string[] {
  const said: string[] = [];
  const answer = (call: () => unknown): string => {
    try {
      call();
      return 'works';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  said.push(`open /dev/vcsm: ${answer(() => sys.open('/dev/vcsm', O_RDWR))}`);
  const node = sys.open('/dev/vcsm-cma', O_RDWR);
  said.push('open /dev/vcsm-cma: works');
  const allocate = (name: string) => {
    const given = sys.ioctl(node, VC_SM_CMA_IOCTL_MEM_ALLOC, { size: SIZE, num: 1, name: [...Buffer.from(name)] });
    const { handle, vc_handle, dma_addr } = given;
    const numbers = `descriptor +${handle - node}, vc_handle ${vc_handle.toString(16)}, dma_addr ${dma_addr.toString(16)}`;
    said.push(`alloc '${name}': works, ${numbers}`, 'mmap: works');
    return { handle, memory: sys.mmap(handle, { length: SIZE }) };
  };
  const sync = (fd: number, flags: number) =>
    said.push(`sync +${fd - node} ${flags}: ${answer(() => sys.ioctl(fd, DMA_BUF_IOCTL_SYNC, { flags }))}`);
  const first = allocate('smem-test-alloc');
  const second = allocate('');
  sync(second.handle, 3);
  sync(second.handle, 7);
  sync(first.handle, 3);
  first.memory.bytes.fill(0, 0, 5000);
  first.memory.bytes.set(Buffer.from('some text'));
  sync(first.handle, 7);
  sync(first.handle, 4);
  said.push(`text: ${Buffer.from(first.memory.bytes.subarray(0, 9)).toString()}`);
  sys.munmap(second.memory);
  said.push(`close +${second.handle - node}: ${answer(() => sys.close(second.handle))}`);
  said.push(`close node: ${answer(() => sys.close(node))}`);
  sys.munmap(first.memory);
  sys.close(first.handle);
  return said;
}

const lines = (text: string) => text.trimEnd().split('\n');
const onBoard = ['--strict', '--board'];

describe('programs that share memory with the VideoCore', () => {
  testWithCompiler('get from smem -a what it gets in process, and leave nothing behind', async () => {
    const program = build('test/native/programs/vcsm-smem.c', 'vcsm-smem');
    const { status, stdout, stderr } = await runNative([program], { options: [...onBoard, 'raspberrypi4'] });
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    const machine = boot(raspberrypi4());
    expect(lines(stdout)).toEqual(smem(machine));
    machine.shutdown();
  });

  testWithCompiler('may be killed with buffers live: nothing is left', async () => {
    const program = build('test/native/programs/vcsm-smem.c', 'vcsm-smem-killed');
    const out = join(folder, 'smem.out');
    const script = `"$0" forever > "$1" & pid=$!; until grep -qs "close node" "$1"; do :; done; kill -9 $pid; tail -n 1 "$1"`;
    const { status, stdout, stderr } = await runNative(['sh', '-c', script, program, out], { options: [...onBoard, 'raspberrypi4'] });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'close node: works\n', stderr: '' });
  });

  testWithCompiler('may be killed at any moment of any call', async () => {
    const program = build('test/native/programs/vcsm-killed.c', 'vcsm-killed');
    const { status, stdout } = await runNative([program], { options: [...onBoard, 'raspberrypi4'] });
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'ended by themselves: 0, left: 0\n' });
  });

  for (const [name, inProcess] of [
    ['vcsm-api', vcsmApi],
    ['vcsm-mmal', vcsmMmal],
  ] as const)
    testWithCompiler(`get the answers of ${name}.c in process, too, and see in their mappings what the VPU wrote`, async () => {
      const program = build(`test/native/programs/${name}.c`, name);
      const { status, stdout, stderr } = await runNative([program], {
        options: [...onBoard, join(root, 'test/native/boards/vcsm-writer.ts')],
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const machine = boot(writer());
      expect(lines(stdout)).toEqual(inProcess(machine.sys));
      expect(lines(stdout).filter((line) => line.startsWith('text'))[0]).toMatch(/by the VPU, as c0000020$/);
      machine.shutdown();
    });

  testWithCompiler('maintain the caches of their mappings by address, where the driver can', async () => {
    const program = build('test/native/programs/vcsm-caches.c', 'vcsm-caches');
    const { status, stdout, stderr } = await runNative([program], { options: [...onBoard, join(root, 'test/native/boards/vcsm-arm.ts')] });
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'ioctopus: [cache_op_to_func]: Invalid cache_op: 0x00000007\n' });
    expect(lines(stdout).filter((line) => /^(text|mode)/.test(line))).toEqual([
      'text +1: ',
      'mode 2: works',
      'text +1: ',
      'mode 1: works',
      'text +1: by the VPU',
      'mode 3: works',
      'mode 3: EFAULT',
      'mode 7: EINVAL',
    ]);
  });

  testWithCompiler('see what the VPU wrote, and close before it is done: the same lines in C and in TypeScript', async () => {
    const program = build('examples/vcsm-zero-copy/zero-copy.c', 'zero-copy');
    const { status, stdout, stderr } = await runNative([program], {
      options: [...onBoard, join(root, 'examples/vcsm-zero-copy/board.ts'), '--strace'],
    });
    expect(status).toBe(0);
    const machine = boot(board());
    const running = machine.spawn(zeroCopy);
    await machine.run();
    expect(lines(stdout)).toEqual(running.result());
    expect(lines(stdout)).toEqual([
      'c0000020, 8192 bytes: a frame from the VPU',
      'closed: 1 buffer, state 2',
      'c0000021, 8192 bytes: a frame from the VPU',
      'replaced: 1 buffer, state 2',
    ]);
    machine.shutdown();
    // Both columns are one stream, in the order in which things happened.
    const told = lines(stderr);
    const at = (pattern: RegExp, from = 0) => {
      const found = told.findIndex((line, index) => index >= from && pattern.test(line));
      expect(found, `${pattern} in\n${stderr}`).toBeGreaterThanOrEqual(0);
      return found;
    };
    const asked = at(/^\[pid \d+\] ioctl\(4, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, .* waits for an answer of the VPU$/);
    const imported = at(/\| VPU \[.*\] IMPORT .*: handle c0000020$/, asked);
    const used = at(/\| VPU \[.*\] SHOW handle c0000020/, imported);
    const answered = at(/^\[pid \d+\] ioctl\(4, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, .*=> .* = 0$/, used);
    const closed = at(/^\[pid \d+\] close\(6\) = 0$/, answered);
    const freed = at(/\| VPU \[.*\] FREE handle c0000020, 1 references left$/, answered);
    const next = at(/\| VPU \[.*\] IMPORT .*: handle c0000021$/, Math.max(closed, freed));
    const late = at(/\| VPU \[.*\] RELEASED handle c0000020/, next);
    at(/\| VPU \[.*\] RELEASED handle c0000021/, late);
    expect(told.filter((line) => line.includes('RELEASED'))).toHaveLength(2);
  });
});
