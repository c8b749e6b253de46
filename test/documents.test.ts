import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './support/paths.ts';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const documents = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.md') && !/(^|\/)node_modules\//.test(path),
);
/** As GitHub makes them. */
const anchors = (text: string) =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );

/** Names like `vfio-msi[N](dev)` are no links. */
const withoutCode = (text: string) => text.replace(/`[^`\n]+`/g, '');

describe('the documents', () => {
  test.each(documents)('links in %s lead somewhere', (path) => {
    for (const [, target = '', anchor] of withoutCode(read(path)).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const file = target === '' ? path : join(dirname(path), target);
      expect(existsSync(join(root, file)), `${path} links to ${target}`).toBe(true);
      if (anchor !== undefined) expect(anchors(read(file)), `${path} links to a heading of ${file}`).toContain(anchor);
    }
  });

  test('the example in the README is one that the tests run', () => {
    const [, path, code] = read('README.md').match(/<!-- (.*) -->\n```ts\n(.*?)```/s) ?? [];
    expect(code).toBe(read(path as string));
  });

  test('the commands in the README exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read('README.md').matchAll(/npm run (\w+)/g)].map(([, name]) => name);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
    const subcommands = [...read('src/doors/cli/main.ts').matchAll(/\.command\('(\w+)'\)/g)].map(([, name]) => name);
    const used = [...read('README.md').matchAll(/npx ioctopus (\w+)/g)].map(([, name]) => name);
    expect(subcommands).toEqual(expect.arrayContaining(used));
  });

  test('each rule that the machine checks is explained', () => {
    const explained = read('docs/findings.md') + read('docs/coherency.md');
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
    const rules = sources.flatMap((path) =>
      [...read(join('src', path)).matchAll(/(?:report|[oO]nce|warn|rule:)[( ]\s*'([a-z0-9]+(?:-[a-z0-9]+)+)'/g)].map(
        ([, rule]) => rule as string,
      ),
    );
    expect(rules.length).toBeGreaterThan(40);
    expect(rules.filter((rule) => !explained.includes(`\`${rule}\``))).toEqual([]);
  });

  describe('what the README says that holds', () => {
    const [, table = ''] = read('README.md').match(/## What holds, .*\n\n\|.*\n\|.*\n((?:\|.*\n)+)/) ?? [];
    const rows = table.trimEnd().split('\n');
    const filesOf = (row: string) => [...row.matchAll(/`npm test -- ([^`]+)`/g)].flatMap(([, paths = '']) => paths.split(' '));

    test.each(rows)('%s', (row) => {
      expect(row).toMatch(/`np[mx] /);
      for (const path of filesOf(row)) expect(existsSync(join(root, path)), `${path} is a test`).toBe(true);
    });
  });
});
