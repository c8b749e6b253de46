/** What crosses between the CPU and the VideoCore of a Raspberry Pi. */
export * from './messages.ts';
export type { MmalBufferMessage, MmalPort } from './mmal.ts';
export type { Vchiq, VchiqService, VchiqServiceParameters } from './vchiq.ts';
