/**
 * How long calls take, next to what they could be replaced by. Targets are ratios: they hold on any machine, times do not.
 *
 * `npm run bench` prints a row for each call; exit status 1 says that a target was missed. `npm run bench -- --json`: the same as JSON.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { growthRows } from './growth-rows.ts';
import { inProcessRows } from './in-process-rows.ts';
import { host, usableCpus } from './machine.ts';
import { mountRows } from './mount-rows.ts';
import { nativeRows } from './native-rows.ts';
import type { Settings } from './placement.ts';
import { compileAll } from './program.ts';
import { formatHost, formatJson, formatRow, heading } from './report.ts';
import { ringRows } from './ring-rows.ts';
import { type Row, verdictOf } from './row.ts';
import { samplesRows } from './samples-rows.ts';
import { scaleRows } from './scale-rows.ts';
import { umockdevRows } from './umockdev-rows.ts';
import { vectorRows } from './vector-rows.ts';
import { vpuRows } from './vpu-rows.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { json } = parseArgs({ options: { json: { type: 'boolean', default: false } } }).values;

const programs = mkdtempSync(join(tmpdir(), 'ioctopus-bench-'));
process.on('exit', () => rmSync(programs, { recursive: true, force: true }));
// Programs end by themselves at the end of their input.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

const settings: Settings = {
  sources: fileURLToPath(new URL('native', import.meta.url)),
  programs,
  dist: join(root, 'dist'),
  cpus: usableCpus(),
};

async function* allRows(): AsyncGenerator<Row> {
  yield* inProcessRows();
  yield* scaleRows();
  yield* vectorRows();

  for (const rows of [nativeRows, mountRows, ringRows, umockdevRows, growthRows, vpuRows, samplesRows]) yield* rows(settings);
}

execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', process.stderr.fd, process.stderr.fd] });
compileAll(settings.sources, programs, join(root, 'native-shims/include'));

if (!json) console.log(`${formatHost(host())}\n\n${heading}`);
const rows: Row[] = [];
for await (const row of allRows()) {
  rows.push(row);
  if (!json) console.log(formatRow(row));
}
if (json) console.log(formatJson(host(), rows));
process.exitCode = rows.some((row) => verdictOf(row) === 'missed') ? 1 : 0;
