import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test } from 'vitest';

const cc = process.env.CC ?? 'cc';

/** Whether C programs can be compiled here; tests that need it are reported as not run when not. */
export const hasCompiler = spawnSync(cc, ['--version']).status === 0;

/** A test that compiles C. */
export const testWithCompiler = test.skipIf(!hasCompiler);

/** A folder for the files of one test file, removed at its end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ioctopus-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Compiles a C file. @returns the program @throws Error with what the compiler said */
export function compile(source: string, program: string, ...flags: string[]): string {
  const { status, stderr } = spawnSync(cc, ['-O1', '-Wall', '-Wextra', '-pthread', '-o', program, source, ...flags], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${cc} ${source} failed:\n${stderr}`);
  return program;
}

/** What the preprocessor makes of a C file. */
export function preprocess(source: string, ...flags: string[]): string {
  return spawnSync(cc, ['-E', ...flags, source], { encoding: 'utf8', maxBuffer: 2 ** 26 }).stdout;
}
