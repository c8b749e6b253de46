/** A DSA: what executes the descriptors of work queues. */

export { DSA_CAPABILITIES, type DsaCapabilities, IMS_OFFSET } from './capabilities.ts';
export { DsaHardware, type DsaHardwareDescription } from './dsa-hardware.ts';
export { OPERATIONS } from './operations.ts';
