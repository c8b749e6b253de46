/** The manager of a Keem Bay's VPU: section 14 of docs/reference/keembay-ipc.md. */
export { checkFirmware, firmware_header, type ReservedArea } from './firmware-image.ts';
export { KeembayVpu, type KeembayVpuDescription, type WatchdogId } from './keembay-vpu.ts';
export * from './vpu-state.ts';
