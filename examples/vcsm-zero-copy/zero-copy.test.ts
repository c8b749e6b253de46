import { boot } from 'ioctopus';
import { expect, test } from 'vitest';
import board from './board.ts';
import { zeroCopy } from './zero-copy.ts';

/** A line without what does not matter here: the request's bytes, and the VPU's time. */
const short = (line: string) =>
  line
    .replace(/\{.*?\}(?: => \{.*?\})?/, '…')
    .replace(/^\[[^\]]*\] /, '')
    .replace(/ addr .*:/, ':')
    .replace(/0x7f[0-9a-f]+/g, 'ADDRESS');

test('a frame outlives its program’s descriptors for as long as the VPU shows it', async () => {
  const lines: string[] = [];
  const machine = boot(
    board((line) => lines.push(`VPU ${short(line)}`)),
    { trace: ({ text }) => lines.push(short(text)) },
  );
  const program = machine.spawn(zeroCopy);
  await machine.run();
  expect(program.result()[1]).toBe('closed: 1 buffer, state 2');
  machine.shutdown();
  const story = lines.filter((line) => !/openat|read\(|HEAP|SYNC|CLIENT/.test(line));
  const end = story.findIndex((line) => line.includes('RELEASED'));
  expect(story.slice(0, end + 1)).toEqual([
    'VPU IMPORT trans_id 2: handle c0000020',
    'VPU SHOW handle c0000020: a line is drawn into it, and a reference kept',
    'ioctl(1, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, …) = 0',
    'mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0x0) = ADDRESS',
    'munmap(ADDRESS, 8192) = 0',
    'close(3) = 0',
    'close(2) = 0',
    // The state in debugfs.
    'close(2) = 0',
    'VPU FREE handle c0000020, 1 references left',
    'VPU IMPORT trans_id 4: handle c0000021',
    'VPU SHOW handle c0000021: a line is drawn into it, and a reference kept',
    'VPU RELEASED handle c0000020 kernel_id 00000001',
  ]);
});
