/** Interrupt message stores: vectors for the clients of a device, in groups, at any time (docs/irq.md). */

export { imsAttributes, imsSizeAttribute } from './attributes.ts';
export { type ImsClient, ImsGroup, ImsVector } from './group.ts';
export { Ims, type ImsDescription, STATIC_GROUP } from './ims.ts';
export { imsRequests } from './requests.ts';
export { ImsSession, type ImsSessionDescription } from './session.ts';
export { DEFAULT_IMS_SETTINGS, IMS_MAX_NVEC, type ImsSettings } from './settings.ts';
export { controlWord, IMS_HAZARDS, type ImsEntry, type ImsHazard, type ImsStorage } from './storage.ts';
export { vfioIrqRequests } from './vfio-irqs.ts';
