/** Machines and what they are made of. */
export type { Board } from './board.ts';
export { Machine, type MachineOptions } from './machine.ts';
export { type HostTime, Pacer } from './pacer.ts';
