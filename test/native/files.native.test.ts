import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const folder = temporaryFolder();
const program = (name: string) => compile(join(root, 'test/native/programs', `${name}.c`), join(folder, name));

describe('a buffer lives exactly as long as somebody has it', () => {
  testWithCompiler('copies, mappings, children, messages, programs', async () => {
    const { status, stdout, stderr } = await runNative([program('lifetimes')]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'never made: gone',
      'open: alive',
      'copied by dup: alive',
      'copied by fcntl: alive',
      'replaced by dup2: gone',
      'mapped: alive',
      'half unmapped: alive',
      'unmapped: gone',
      ...['O_RDONLY', 'O_WRONLY', 'O_RDWR', '3'].flatMap(() => ['open in some mode: alive', 'closed again: gone']),
      'only in a child: alive',
      'child ended: gone',
      'only in a child that will be killed: alive',
      'child killed: gone',
      'mapped by a child that has ended: gone',
      'in a message: alive',
      'message dropped: gone',
      'a new program may use it: yes',
      'the new program has ended: gone',
      'it is closed in a new program: yes',
      'closed everywhere: gone',
    ]);
  });
});

describe('a node is found by each of its names', () => {
  testWithCompiler('absolute, relative, through links, and not by names that only look alike', async () => {
    const place = join(folder, 'place');
    mkdirSync(place);
    const { stdout, stderr } = await runNative([program('paths'), place]);
    expect(stderr).toBe('');
    expect(stdout.trimEnd().split('\n')).toEqual([
      'absolute: opened',
      'with dots and slashes: opened',
      'missing beside it: ENOENT',
      'below it: ENOTDIR',
      'a longer name: ENOENT',
      'a node of the host: opened',
      'the name in another place: ENOENT',
      'from a descriptor of /dev: opened',
      'an absolute path with a descriptor: opened',
      'a closed descriptor and an absolute path: opened',
      'a closed descriptor: EBADF',
      'up and down again: opened',
      'a link to it: opened',
      'through a link to the folder: opened',
      'a link to a link: opened',
      'a link to itself: ELOOP',
      'relative to the working folder: opened',
      'an unreadable path: EFAULT',
      'stat: 0, mode 020600',
      'lstat: 0, mode 020600',
      'fstatat: 0, mode 020600',
      'stat of the folder: 0, mode 040755',
      'access: 0, and to execute: -1',
      'access of what is missing: -1',
    ]);
  });
});
