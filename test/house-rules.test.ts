import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { root } from './support/paths.ts';

const src = join(root, 'src');

/** Every source file, as a path below src. */
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

const read = (file: string) => readFileSync(join(src, file), 'utf8');

/** Folders from the bottom up: each may import from those before it, and from itself. */
const LAYERS = [
  'abi',
  'kernel',
  'memory',
  'vfs',
  'irq',
  'ims',
  'dma-buf',
  'drm',
  'virtio',
  'usb',
  'ports',
  ['drivers', 'hardware'],
  'machine',
  'boards',
  'experiments',
  'doors',
];

/** How high a file stands; files directly in src are the entry points, above everything. */
function heightOf(file: string): number {
  const folder = file.split('/')[0] as string;
  if (!file.includes('/')) return LAYERS.length;
  const height = LAYERS.findIndex((layer) => layer === folder || layer.includes(folder));
  if (height < 0) throw new Error(`src/${folder} is in no layer`);
  return height;
}

/** What a file imports from src, as paths below it. */
function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(read(file), true, true);
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) => relative(src, resolve(dirname(join(src, file)), name)));
}

describe('layers', () => {
  test('a folder imports only from below', () => {
    const upward = files.flatMap((file) =>
      importsOf(file)
        .filter((imported) => heightOf(imported) > heightOf(file))
        .map((imported) => `${file} imports ${imported}`),
    );
    expect(upward).toEqual([]);
  });

  test('drivers and hardware meet at ports only', () => {
    const reach = /^(drivers|hardware)\//;
    const reaching = files
      .filter((file) => reach.test(file))
      .flatMap((file) => importsOf(file).filter((imported) => reach.test(imported) && imported.split('/')[1] !== file.split('/')[1]));
    expect(reaching).toEqual([]);
  });

  test('another folder is entered by its index.ts', () => {
    const folderOf = (file: string) =>
      file
        .split('/')
        .slice(0, file.startsWith('doors/') || file.startsWith('drivers/') ? 2 : 1)
        .join('/');
    const around = files.flatMap((file) =>
      importsOf(file)
        .filter((imported) => imported.includes('/') && folderOf(imported) !== folderOf(file))
        .filter((imported) => !imported.endsWith('/index.ts') && imported !== 'doors/boot.ts')
        .map((imported) => `${file} imports ${imported}`),
    );
    expect(around).toEqual([]);
  });
});

/** What machines must not do, with what to do instead; comments do not count. */
const BANNED: readonly (readonly [RegExp, string])[] = [
  [/\bDate\b/, 'system.realtime()'],
  [/\bMath\.random\b/, 'system.random(name)'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, 'system.clock.schedule()'],
  [/\b(performance|hrtime)\b/, 'system.now()'],
  [/\b(FinalizationRegistry|WeakRef)\b/, 'reference counts'],
  // A name in quotes is text, as that of an attribute of sysfs.
  [/\basync\b(?!')|\bawait\b|\bPromise\b/, 'generators'],
  [/from 'node:/, 'what the machine gives'],
];

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
}

describe('determinism', () => {
  const below = files.filter((file) => heightOf(file) < heightOf('doors/boot.ts'));

  test.each(BANNED)('nothing below the doors uses %s', (banned, instead) => {
    const offenders = below.filter((file) => banned.test(withoutComments(read(file))));
    expect(offenders, `use ${instead}`).toEqual([]);
  });
});

describe('files', () => {
  test('none is a bag of everything', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc)(\.ts|\/)/.test(file))).toEqual([]);
  });

  test('none leaves work to the reader', () => {
    const marks = new RegExp(`\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}|XXX)\\b`);
    expect(files.filter((file) => marks.test(read(file)))).toEqual([]);
  });
});
