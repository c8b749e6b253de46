/** A remote processor and what its firmware is made of. */
import type { FirmwareProgram } from './program.ts';
import { rpmsgEcho } from './rpmsg-echo.ts';
import { traceAndCrash } from './trace-and-crash.ts';

export { BusFault, type BusWindow, RemoteBus } from './bus.ts';
export { type ElfDescription, type ElfSection, type ElfSegment, writeElf } from './elf-writer.ts';
export {
  buildFirmware,
  crashFirmware,
  echoFirmware,
  type FirmwareFile,
  type FirmwareLayout,
  iommuLayout,
  sramLayout,
} from './firmware-files.ts';
export { FirmwareTable, type VdevView } from './firmware-table.ts';
export { MemoryBank } from './memory-bank.ts';
export { RemoteProcessor, type RemoteProcessorDescription } from './processor.ts';
export { FirmwareCpu, type FirmwareProgram, Halted } from './program.ts';
export { serveRpmsg } from './rpmsg-echo.ts';
export { addEchoService, type RemoteCallback, RpmsgRemote, type RpmsgRemoteDescription } from './rpmsg-remote.ts';
export { type TableEntry, type VringRequest, writeResourceTable } from './table-writer.ts';

/** Programs that ship, by the name in their entry block. */
export const firmwarePrograms: Readonly<Record<string, FirmwareProgram>> = { 'rpmsg-echo': rpmsgEcho, 'trace-and-crash': traceAndCrash };
