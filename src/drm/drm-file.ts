import { Idr, isCapable, type Task, WaitQueue } from '../kernel/index.ts';
import type { DrmDevice } from './drm-device.ts';
import type { GemObject } from './gem-object.ts';
import type { DrmMaster } from './master.ts';
import { PrimeHandles } from './prime-handles.ts';

/** Which node a client opened. */
export type DrmNode = 'primary' | 'render';

/** A client of a card: what belongs to one open file of it, as `struct drm_file`. */
export class DrmFile<P = any> {
  readonly device: DrmDevice<P>;
  readonly isRender: boolean;
  /** What the driver keeps with it. */
  readonly driverPrivate: P;
  readonly handles = new Idr<GemObject>();
  readonly prime = new PrimeHandles();
  /** Who waits for events of the card. Drivers without a display have none. */
  readonly events: WaitQueue;
  /** Never set for a render node. */
  master: DrmMaster | undefined;
  /** Whether {@link master} was made for this client. */
  isMaster = false;
  wasMaster = false;
  isAuthenticated: boolean;
  /** 0 until it asked for one. */
  magic = 0;
  /** The process that used it last, or that became master by it. */
  tgid: number;

  constructor(device: DrmDevice<P>, node: DrmNode, task: Task, driverPrivate: P) {
    this.device = device;
    this.isRender = node === 'render';
    this.driverPrivate = driverPrivate;
    this.events = new WaitQueue(`events of ${device.name}`);
    this.isAuthenticated = isCapable(task.credentials);
    this.tgid = task.tgid;
  }

  /** drm_is_current_master. */
  get isCurrentMaster(): boolean {
    return this.isMaster && this.master === this.device.master;
  }

  /** drm_file_update_pid. */
  usedBy(task: Task): void {
    if (!this.wasMaster) this.tgid = task.tgid;
  }
}
