/** The FIFOs between the processors of a Keem Bay, and the VPU's firmware behind them. */

export { type BootScript, goodBoot, TrustedApplication } from './secure-monitor.ts';
export { type LevelOutput, TimIpcFifo } from './tim-fifo.ts';
export {
  echo,
  type FirmwareScript,
  idle,
  type OutgoingMessage,
  type TakenPacket,
  VpuFirmware,
  type VpuFirmwareDescription,
} from './vpu-firmware.ts';
export { VpuWatchdog } from './watchdog.ts';
export { XlinkPeer } from './xlink-peer.ts';
