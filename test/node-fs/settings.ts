/** A module such as a program has: it keeps its settings in a file, and knows nothing of machines. */
import fs, { existsSync, mkdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export function readSettings(path: string): unknown {
  if (!existsSync(path)) return undefined;
  return JSON.parse(fs.readFileSync(path, 'utf8'));
}

export async function changeSettings(path: string, change: (settings: any) => void): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const settings = existsSync(path) ? JSON.parse(await readFile(path, 'utf8')) : {};
  change(settings);
  await writeFile(path, JSON.stringify(settings), { mode: 0o600 });
}
