/** /dev/vcsm-cma: memory that programs, drivers and the VideoCore of a Raspberry Pi share. */
export { type DefectId, VCSM_DEFECTS } from './defects.ts';
export type { RevisionName } from './revision.ts';
export { addVcSmCma, VcSmCma, type VcSmCmaDescription } from './vc-sm-cma.ts';
