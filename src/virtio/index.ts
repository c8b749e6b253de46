/** virtio: devices on their bus, drivers, and both sides of split rings. Sections 20 and 21 of docs/reference/remoteproc.md say what of it counts. */
export type { Segment } from './descriptors.ts';
export { BadRing, type DeviceBuffer, type DeviceMemory, DeviceRing, type DeviceRingDescription } from './device-ring.ts';
export { featureSet, splitRingFeatures } from './features.ts';
export { SharedView } from './shared-view.ts';
export { needsEvent, type SplitRingLayout, splitRingLayout, splitRingSize } from './split-ring.ts';
export type { CoherentBuffer, VirtioTransport, VirtqueueInfo } from './transport.ts';
export { registerVirtioDriver, virtioDevices } from './virtio-bus.ts';
export { registerVirtioDevice, unregisterVirtioDevice, VirtioDevice, type VirtioDeviceDescription } from './virtio-device.ts';
export { VIRTIO_DEV_ANY_ID, type VirtioDeviceId, type VirtioDriver } from './virtio-driver.ts';
export { Virtqueue, type VirtqueueDescription } from './virtqueue.ts';
