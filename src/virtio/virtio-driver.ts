import type { MaybeKernel } from '../kernel/index.ts';
import type { VirtioDevice } from './virtio-device.ts';

/** Any vendor: VIRTIO_DEV_ANY_ID. */
export const VIRTIO_DEV_ANY_ID = 0xffffffff;

/** Which devices a driver serves, as `struct virtio_device_id`. */
export interface VirtioDeviceId {
  readonly device: number;
  readonly vendor: number;
}

/** `struct virtio_driver`. */
export interface VirtioDriver {
  readonly name: string;
  readonly idTable: readonly VirtioDeviceId[];
  /** Numbers of the feature bits that it knows; the transport's are not its business. */
  readonly featureTable: readonly number[];
  /** Takes a device on whose features have been negotiated. @throws Errno the device stays without a driver, with FAILED in its status */
  readonly probe: (device: VirtioDevice) => MaybeKernel<void>;
  /** Lets go of it; must reset it. */
  readonly remove: (device: VirtioDevice) => MaybeKernel<void>;
  readonly configChanged?: (device: VirtioDevice) => MaybeKernel<void>;
}
