/** Feature bits: sets of them are bigints. */
import {
  VIRTIO_F_ACCESS_PLATFORM,
  VIRTIO_F_NOTIFICATION_DATA,
  VIRTIO_F_ORDER_PLATFORM,
  VIRTIO_F_VERSION_1,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
  VIRTIO_TRANSPORT_F_END,
  VIRTIO_TRANSPORT_F_START,
} from '../abi/uapi/index.ts';

/** A set of bits by their numbers. */
export const featureSet = (bits: readonly number[]): bigint => bits.reduce((set, bit) => set | (1n << BigInt(bit)), 0n);

/** Bits that are the transport's, not the driver's. */
export const TRANSPORT_FEATURES = (1n << BigInt(VIRTIO_TRANSPORT_F_END)) - (1n << BigInt(VIRTIO_TRANSPORT_F_START));

const RING_FEATURES = featureSet([
  VIRTIO_RING_F_INDIRECT_DESC,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_F_VERSION_1,
  VIRTIO_F_ACCESS_PLATFORM,
  VIRTIO_F_ORDER_PLATFORM,
  VIRTIO_F_NOTIFICATION_DATA,
]);

/** vring_transport_features, of a kernel whose rings are split: what it does not know of the transport's bits it takes away. */
export const splitRingFeatures = (features: bigint): bigint => features & (~TRANSPORT_FEATURES | RING_FEATURES);
