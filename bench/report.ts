import type { Host } from './machine.ts';
import { type Row, verdictOf } from './row.ts';
import type { Quantiles } from './statistics.ts';

const COLUMNS = [54, 11, 40, 26, 10] as const;

const columns = (...cells: readonly string[]) =>
  cells
    .map((cell, index) => cell.padEnd(COLUMNS[index] ?? 0))
    .join('')
    .trimEnd();
const microseconds = (ns: number) => `${(ns / 1000).toPrecision(3)} µs`;
const number = (value: number) => value.toPrecision(3);
const spread = ({ median, p10, p90 }: Quantiles) => `${number(median)} (${number(p10)}–${number(p90)})`;

export function formatHost({ cpu, cpus, kernel, node }: Host): string {
  return `${cpu}, ${cpus} usable processors, Linux ${kernel}, node ${node}`;
}

export const heading = columns('call', 'time', 'compared with', 'ratio (p10–p90)', 'target', 'verdict');

export function formatRow(row: Row): string {
  const { name, baseline = '', target, measured, counts } = row;
  if (typeof measured === 'string') return columns(name, '', baseline, '', '', `not run: ${measured}`);
  if ('bytes' in measured) return columns(name, `${Math.round(measured.bytes)} bytes`);
  return columns(
    name,
    microseconds(measured.call_ns.median),
    measured.baseline_ns === undefined ? '' : `${baseline}, ${microseconds(measured.baseline_ns.median)}`,
    measured.ratio === undefined ? '' : spread(measured.ratio),
    target === undefined ? '' : `< ${number(target)}`,
    target === undefined ? '' : verdictOf(row),
    ...(counts === undefined ? [] : [`${Math.round(1e9 / measured.call_ns.median)} ${counts}/s`]),
  );
}

/** The same for programs: times in nanoseconds. */
export function formatJson(host: Host, rows: readonly Row[]): string {
  return JSON.stringify({ host, rows: rows.map((row) => ({ ...row, verdict: verdictOf(row) })) }, undefined, 2);
}
