import { boot, dsa } from 'ioctopus';
import { expect, test } from 'vitest';
import { memmove } from './memmove.ts';

test.each([false, true])(
  'memory is moved by an accelerator; the node sees open, mmap, munmap and close only (dedicated: %s)',
  async (isDedicated) => {
    const lines: string[] = [];
    const machine = boot(dsa(), { trace: ({ text }) => lines.push(text.replace(/0x7f[0-9a-f]+/g, 'ADDRESS').replace(/^\[[^\]]*\] /, '')) });
    const program = machine.spawn((sys) => memmove(sys, isDedicated));
    await machine.run();
    expect(program.result()).toEqual({ status: 1, isMoved: true });
    expect(lines.filter((line) => !/nanosleep|enqcmd|movdir64b/.test(line))).toEqual([
      `openat(AT_FDCWD, "/dev/dsa/wq0.${isDedicated ? 1 : 0}", O_RDWR) = 0`,
      'mmap(NULL, 4096, PROT_WRITE, MAP_SHARED|MAP_POPULATE, 0, 0x0) = ADDRESS',
      'munmap(ADDRESS, 4096) = 0',
      'close(0) = 0',
    ]);
    machine.shutdown();
  },
);
