/** Logs that firmware writes into memory. Section 8 of docs/reference/remoteproc.md. */
import type { FileOperations } from '../../kernel/index.ts';
import { simpleRead } from './debugfs-text.ts';
import type { Rproc } from './rproc.ts';

export interface Trace {
  readonly name: string;
  readonly da: number;
  readonly len: number;
}

/** The bytes up to the first NUL. */
function textOf(rproc: Rproc, { da, len }: Trace): Uint8Array {
  const at = rproc.daToVa(BigInt(da), len);
  if (at === undefined) return Buffer.from('Trace  not available\n');
  const bytes = at.va.accessed(len, at.isIomem);
  const end = bytes.indexOf(0);
  return bytes.slice(0, end < 0 ? len : end);
}

const operations = (rproc: Rproc, trace: Trace): FileOperations => simpleRead(() => textOf(rproc, trace));

/** rproc_create_trace_file. */
export function addTrace(rproc: Rproc, da: number, len: number): void {
  const trace = { name: `trace${rproc.traces.length}`, da, len };
  rproc.traces.push(trace);
  rproc.debugDirectory?.createFile(trace.name, 0o400, operations(rproc, trace));
}

export function removeTraces(rproc: Rproc): void {
  for (const { name } of rproc.traces) rproc.debugDirectory?.remove(name);
  rproc.traces.length = 0;
}
