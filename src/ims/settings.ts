/** What can be chosen of a device's message store: 11.5 of docs/reference/ims-dsa.md. */
import type { ImsHazard } from './storage.ts';

export interface ImsSettings {
  /** All vectors at probe, or groups at any time. */
  mode: 'static' | 'dynamic';
  storage: 'array' | 'context';
  /** Whether messages go through the unit that remaps; `require` refuses to work without. */
  remapping: 'on' | 'off' | 'require';
  /** Whether an entry remembers an event that comes while it is masked. */
  pending: boolean;
  /** Groups as in the series of 2020, or one vector a call as merged in 2022. */
  policy: '2020' | '2022';
  hazards: ReadonlySet<ImsHazard>;
  /** Entries of the array. */
  slots: number;
  staticVectors: number;
  perOpenVectors: number;
  /** Whether an open fails when it gets no vectors. */
  autoFail: 'lax' | 'strict';
  /** From the command that a context changed until the device has read it. */
  sync_us: number;
  /** Of a hundred such commands, how many fail without a word. */
  syncFailRate: number;
}

/** A DSA's MSI-X has nine entries, and its message store 2048 (5.1). */
export const DEFAULT_IMS_SETTINGS: ImsSettings = {
  mode: 'dynamic',
  storage: 'array',
  remapping: 'on',
  pending: true,
  policy: '2020',
  hazards: new Set(),
  slots: 2048,
  staticVectors: 9,
  perOpenVectors: 1,
  autoFail: 'lax',
  sync_us: 0,
  syncFailRate: 0,
};

/** Of one allocation, as of all of a platform device's. */
export const IMS_MAX_NVEC = 2048;
