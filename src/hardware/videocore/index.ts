/** The VideoCore of a Raspberry Pi: its heap, and the service SMEM of its firmware, as a party of its own. */
export { MmalComponent, type MmalComponentDescription } from './mmal-component.ts';
export * from './relocatable-heap.ts';
export type { VideoCoreScript } from './script.ts';
export { VideoCore, type VideoCoreDescription } from './videocore.ts';
