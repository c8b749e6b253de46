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
  if (!/\.[cm]?ts$/.test(path)) return import(url);
  try {
    const { register } = await import('tsx/esm/api');
    // The board must find the very modules that we run, so without a scope of its own and without the paths of a tsconfig.json.
    const unregister = register({ tsconfig: false });
    try {
      return await import(url);
    } finally {
      await unregister();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Refusal(`${path}: a board in TypeScript needs the package tsx beside ioctopus`);
  }
}
