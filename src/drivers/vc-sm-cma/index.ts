/** /dev/vcsm-cma: memory that programs, drivers and the VideoCore of a Raspberry Pi share. */

export type { LocalHandle } from './buffer.ts';
export { type DefectId, VCSM_DEFECTS } from './defects.ts';
export type { Design } from './design.ts';
export type { RevisionName } from './revision.ts';
export { addVcSmCma, VcSmCma, type VcSmCmaDescription } from './vc-sm-cma.ts';
export { type ZeroCopyFrame, ZeroCopyPort } from './zero-copy-port.ts';
