/** The manager of a Keem Bay's VPU: section 14 of docs/reference/keembay-ipc.md. */
export { checkFirmware, type FirmwareLayout } from './firmware-image.ts';
export { KeembayVpu, type KeembayVpuDescription, type VpuClocks, type WatchdogId } from './keembay-vpu.ts';
