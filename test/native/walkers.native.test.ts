import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { gadgetBoard } from '../support/gadget-board.ts';
import { runOn } from '../support/native-server.ts';
import { root } from '../support/paths.ts';
import { start } from '../support/run.ts';

const folder = temporaryFolder();
const source = join(root, 'test/native/programs/walkers.c');
const parts = ['nftw.c', 'fts.c', 'fts-entries.c'].map((name) => join(root, 'native-shims/preload', name));

/** What the preload library interposes, under names beside the C library's. */
const OWN = [
  ...['nftw', 'nftw64', 'ftw', 'ftw64'],
  ...['open', 'read', 'children', 'set', 'close'].flatMap((name) => [`fts_${name}`, `fts64_${name}`]),
].map((name) => `-D${name}=own_${name}`);

/** Folders, files, links to both, to nowhere and to a folder above, and names at which the program acts. */
function makeTree(): string {
  const tree = join(folder, 'tree');
  const folders = ['a/b/c/d/e/f', 'skip/x', 'again/y', 'siblings/others/in', 'siblings/zz', 'q/stop/r', 'empty'];
  for (const path of folders) mkdirSync(join(tree, path), { recursive: true });
  for (const path of ['file', 'a/b/file', 'a/b/c/d/e/f/deep', 'again/again', 'skip/skip', 'q/stop/r/1', 'siblings/others/in/2'])
    writeFileSync(join(tree, path), path);
  const links = [
    ['../a', 'again/link-a'],
    ['nowhere', 'lost'],
    ['..', 'a/b/up'],
    ['../file', 'a/to-file'],
  ] as const;
  for (const [target, path] of links) symlinkSync(target, join(tree, path));
  for (let i = 0; i < 40; i++) {
    mkdirSync(join(tree, `many/folder-${i}`), { recursive: true });
    writeFileSync(join(tree, `many/file-${i}`), '');
  }
  return tree;
}

testWithCompiler("nftw, ftw and fts tell of a tree what the C library's do, in its order", async () => {
  const program = compile(source, join(folder, 'compare'), '-D_GNU_SOURCE', '-DCOMPARE', ...OWN, ...parts);
  const tree = makeTree();
  for (const [from, cwd] of [
    [tree, folder],
    ['.', tree],
    ['../../tree/', join(tree, 'a')],
  ] as const) {
    const { stdout } = await start(program, ['compare', from], { cwd }).ended;
    expect(stdout).toBe('the same, over 1000 lines\n');
  }
});

testWithCompiler("they come to the machine's folders", async () => {
  const program = compile(source, join(folder, 'show'));
  const top = '/sys/devices/platform/dummy_udc.0/udc';
  const { status, stdout } = await runOn(gadgetBoard(), ['sh', '-c', `find ${top} | sort; "$0" show ${top}`, program]);
  expect(status).toBe(0);
  const lines = stdout.split('\n');
  const end = lines.indexOf('nftw flags=0x1: 0 ');
  const begin = lines.findIndex((line) => line.startsWith('nftw '));
  const found = lines.slice(0, begin);
  expect(found).toEqual(expect.arrayContaining([top, `${top}/dummy_udc.0/state`, `${top}/dummy_udc.0/power/control`]));
  const pathsOf = (from: readonly string[], word: RegExp) => from.flatMap((line) => word.exec(line)?.[1] ?? []).sort();
  expect(pathsOf(lines.slice(begin, end), /^nftw \d (\S+) base/)).toEqual(found);
  const fts = lines.findIndex((line) => line.startsWith('fts options'));
  const first = lines.slice(fts, lines.indexOf('fts end: 0', fts));
  expect(pathsOf(first, /^fts (?!6)\d+ (\S+) name/).sort()).toEqual(found);
  expect(lines).toContain(`nftw 4 ${top}/dummy_udc.0/device base=50 level=2 mode=120000 by-name=0`);
  expect(lines).toContain(`nftw 0 ${top}/dummy_udc.0/state base=50 level=2 mode=100000 by-name=1`);
  expect(lines).toContain(`fts 12 ${top}/dummy_udc.0/device name=device level=2 path=56+6 errno=0 mode=120000 cycle= number=0`);
});
