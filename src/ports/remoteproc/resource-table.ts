/** Resource tables of linux/remoteproc.h: what firmware wants of its host, and what it was given. Section 2 of docs/reference/remoteproc.md. */
import { array, chars, struct, u8, u32 } from '../../abi/index.ts';

export const RESOURCE_TABLE_SECTION = '.resource_table';

export const RSC_CARVEOUT = 0;
export const RSC_DEVMEM = 1;
export const RSC_TRACE = 2;
export const RSC_VDEV = 3;
/** The first that is no standard type. */
export const RSC_LAST = 4;
export const RSC_VENDOR_START = 128;
export const RSC_VENDOR_END = 512;

/** The host chooses. */
export const FW_RSC_ADDR_ANY = 0xffffffff;

export const RVDEV_NUM_VRINGS = 2;

export const resource_table = struct('resource_table', { ver: u32, num: u32, reserved: array(u32, 2) });
export const fw_rsc_hdr = struct('fw_rsc_hdr', { type: u32 });

const memory = { flags: u32, reserved: u32, name: chars(32) };

// What follows the header of an entry.
export const fw_rsc_carveout = struct('fw_rsc_carveout', { da: u32, pa: u32, len: u32, ...memory });
export const fw_rsc_devmem = struct('fw_rsc_devmem', { da: u32, pa: u32, len: u32, ...memory });
export const fw_rsc_trace = struct('fw_rsc_trace', { da: u32, len: u32, reserved: u32, name: chars(32) });
/** After it its vrings, after those its config space. */
export const fw_rsc_vdev = struct('fw_rsc_vdev', {
  id: u32,
  notifyid: u32,
  dfeatures: u32,
  gfeatures: u32,
  config_len: u32,
  status: u8,
  num_of_vrings: u8,
  reserved: array(u8, 2),
});
export const fw_rsc_vdev_vring = struct('fw_rsc_vdev_vring', { da: u32, align: u32, num: u32, notifyid: u32, pa: u32 });

const offsetOf = (layout: { readonly fields: readonly { readonly name: string; readonly offset: number }[] }, name: string) =>
  (layout.fields.find((field) => field.name === name) as { offset: number }).offset;

/** Where fields lie that are changed in place, in bytes from the beginning of their struct. */
export const VDEV_GFEATURES = offsetOf(fw_rsc_vdev, 'gfeatures');
export const VDEV_DFEATURES = offsetOf(fw_rsc_vdev, 'dfeatures');
export const VDEV_STATUS = offsetOf(fw_rsc_vdev, 'status');
export const VRING_DA = offsetOf(fw_rsc_vdev_vring, 'da');
export const VRING_NOTIFYID = offsetOf(fw_rsc_vdev_vring, 'notifyid');

/** IOMMU_ bits of linux/iommu.h, as flags of entries have them. */
export const IOMMU_READ = 1;
export const IOMMU_WRITE = 2;
export const IOMMU_CACHE = 4;
export const IOMMU_NOEXEC = 8;
export const IOMMU_MMIO = 16;
export const IOMMU_PRIV = 32;
