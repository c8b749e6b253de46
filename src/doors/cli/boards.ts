import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { boards } from '../../boards/index.ts';
import type { Board } from '../../machine/index.ts';
import { Refusal } from './program.ts';

/**
 * A board by name, or by the path of a module whose default export is a board or a function that makes one.
 *
 * @throws Refusal when there is no such board
 */
export async function findBoard(name: string): Promise<Board> {
  const known = Object.hasOwn(boards, name) ? boards[name] : undefined;
  if (known !== undefined) return known();
  if (!existsSync(name)) throw new Refusal(`no board "${name}"; there are ${Object.keys(boards).join(', ')}, or the path of a module`);
  const found = (await importModule(resolve(name))).default;
  const board = typeof found === 'function' ? found() : found;
  if (typeof (board as Partial<Board> | undefined)?.setUp !== 'function') throw new Refusal(`${name}: its default export is not a board`);
  return board as Board;
}

async function importModule(path: string): Promise<{ default?: unknown }> {
  const url = pathToFileURL(path).href;
  const refuse = (code: string, message: (error: Error) => string) => (error: NodeJS.ErrnoException) => {
    throw error.code === code ? new Refusal(`${path}: ${message(error)}`) : error;
  };
  const notFound = refuse('ERR_MODULE_NOT_FOUND', ({ message }) => message);
  if (!/\.[cm]?ts$/.test(path)) return import(url).catch(notFound);
  const tsx = await import('tsx/esm/api').catch(
    refuse('ERR_MODULE_NOT_FOUND', () => 'a board in TypeScript needs the package tsx beside ioctopus'),
  );
  // The board must find the very modules that we run, so without a scope of its own and without the paths of a tsconfig.json.
  const unregister = tsx.register({ tsconfig: false });
  try {
    return await import(url)
      .catch(notFound)
      .catch(
        refuse('ERR_REQUIRE_CYCLE_MODULE', () => 'a board is an ES module: name it .mts, or say "type": "module" in its package.json'),
      );
  } finally {
    await unregister();
  }
}
