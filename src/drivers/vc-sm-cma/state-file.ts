/** /sys/kernel/debug/vcsm-cma/state: section 13.1 of docs/reference/vc-sm-cma.md. */
import type { System } from '../../kernel/index.ts';
import { debugfs } from '../../vfs/index.ts';
import type { VcSmBuffer } from './buffer.ts';
import type { HashedPointers } from './hashed-pointers.ts';
import type { Revision } from './revision.ts';

const line = (name: string, spaces: number, value: string | number) => `${' '.repeat(11)}${name}${' '.repeat(spaces)}${value}\n`;

function describe(buffer: VcSmBuffer, { showsImported }: Revision, pointers: HashedPointers): string {
  const { imported, coherent, dmabuf, name, size, dmaAddr, vcHandle, vpuState } = buffer;
  const isImport = imported !== undefined;
  return [
    `\nResource${' '.repeat(16)}${pointers.print(buffer)}\n`,
    line('NAME', 9, name),
    line('SIZE', 9, size),
    line('DMABUF', 7, pointers.print(dmabuf)),
    showsImported ? line('IMPORTED_DMABUF', 1, pointers.print(imported?.source)) : '',
    isImport || showsImported ? line('ATTACH', 7, pointers.print(imported?.attachment)) : '',
    line('SGT', 10, pointers.print(isImport ? imported.table : coherent)),
    line('DMA_ADDR', 5, `0x${dmaAddr.toString(16).padStart(16, '0')}`),
    line('VC_HANDLE', 5, vcHandle.toString(16).padStart(8, '0')),
    line('VC_MAPPING', 4, vpuState),
  ].join('');
}

/** What the file is made of. */
export interface StateFileParts {
  readonly revision: Revision;
  readonly pointers: HashedPointers;
  /** Whose pointer the first line shows. */
  readonly service: object;
  /** Newest first. */
  readonly listed: readonly VcSmBuffer[];
}

export function addStateFile(system: System, { revision, pointers, service, listed }: StateFileParts): void {
  debugfs(system)
    .createDirectory('vcsm-cma')
    .createText('state', 0o444, () => {
      const head = `\nVC-ServiceHandle${' '.repeat(5)}${pointers.print(service)}\n\nResources\n`;
      const resources = listed.map((buffer) => describe(buffer, revision, pointers)).join('');
      return `${head}${resources}\n\nTotal resource count:   ${listed.length}\n\n`;
    });
}
