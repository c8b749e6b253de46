/** /sys/kernel/debug/dma_buf/bufinfo: dma_buf_debug_show of drivers/dma-buf/dma-buf.c. */
import type { Kernel, System } from '../kernel/index.ts';
import { debugfs } from '../vfs/index.ts';
import type { DmaBuf } from './dma-buf.ts';

const column = (text: string) => text.padEnd(8);
const decimal = (value: number) => value.toString().padStart(8, '0');
const hexadecimal = (value: number) => value.toString(16).padStart(8, '0');

const HEADER = `\nDma-buf Objects:\n${['size', 'flags', 'mode', 'count'].map(column).join('\t')}\texp_name\t${column('ino')}\tname\n`;

/** One buffer. @throws Errno ERESTARTSYS when a signal comes while its fences are locked */
function* describe(dmabuf: DmaBuf<any>): Kernel<string> {
  const { file, resv, size, exporterName, name = '<none>' } = dmabuf;
  yield* resv.lock.lock({ mode: 'interruptible' });
  const numbers = [decimal(size), hexadecimal(file.flags), hexadecimal(file.mode), decimal(file.holders)];
  const fences = resv.describe().map((line) => `\t${line}\n`);
  const devices = dmabuf.attachments.map(({ device }) => `\t${device.name}\n`);
  resv.unlock();
  const line = [...numbers, exporterName, decimal(file.inode.ino), name].join('\t');
  return `${line}\n${fences.join('')}\tAttached Devices:\n${devices.join('')}Total ${devices.length} devices attached\n\n`;
}

/** Makes the file. @param live the buffers at each moment, newest first */
export function addBufinfo(system: System, live: () => readonly DmaBuf<any>[]): void {
  const folder = debugfs(system).createDirectory('dma_buf');
  folder.createText('bufinfo', 0o444, function* () {
    let text = HEADER;
    let count = 0;
    let bytes = 0;
    for (const dmabuf of live()) {
      text += yield* describe(dmabuf);
      count++;
      bytes += dmabuf.size;
    }
    return `${text}\nTotal ${count} objects, ${bytes} bytes\n`;
  });
}
