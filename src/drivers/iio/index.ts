/** The industrial I/O subsystem with buffers that a DMA controller fills, and the drivers of a converter (drivers/iio). */
export type { BufferAccess, BufferDirection, IioBuffer } from './buffer.ts';
export { type Channel, type ChannelAttribute, formatScanType, type ScanType, scanBytes } from './channel.ts';
export { addReceiver, addTransmitter, type Converter, type ConverterDescription } from './converter.ts';
export { IioDevice, type IioDeviceDescription } from './iio-device.ts';
